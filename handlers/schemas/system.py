"""/healthz (README, "Production")."""

from typing import Annotated

from typing_extensions import TypedDict

from services.texts import described


class HealthData(TypedDict):
    """The `data` of /healthz."""

    version: Annotated[str, described("version of the server", "服务器版本", "0.1.0")]
