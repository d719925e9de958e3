"""/healthz and /readyz (README, "Production")."""

from typing import Annotated

from typing_extensions import TypedDict

from services.texts import described


class HealthData(TypedDict):
    """The `data` of /healthz."""

    version: Annotated[str, described("version of the server", "服务器版本", "0.1.0")]


class ReadyData(TypedDict):
    """The `data` of /readyz."""

    down: Annotated[
        list[str],
        described(
            "nodes of the Redis cluster that cannot serve: requests of their users get 503",
            "无法服务的 Redis Cluster 节点：其上用户的请求返回 503",
            ["10.0.0.5:6379"],
        ),
    ]
