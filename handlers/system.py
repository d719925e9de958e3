"""/healthz and /readyz, for supervisors and load balancers."""

from collections.abc import Mapping
from typing import Any

from conf.version import VERSION
from handlers.base import BaseHandler, Routes
from handlers.description import Description
from handlers.schemas.system import HealthData, ReadyData
from services.errors import Code, unavailable
from services.texts import Text

_TAG = Text("Probes", "探针")


class ProbeHandler(BaseHandler):
    """A probe, by GET or HEAD. Subclasses implement `serve`."""

    quiet = True
    bounded = False

    async def get(self) -> None:
        self.answer(Code.OK, "OK", await self.serve())

    head = get

    async def serve(self) -> Mapping[str, Any] | None:
        """Answer the probe. Returns the `data` of the answer."""
        raise NotImplementedError


class HealthHandler(ProbeHandler):
    """The process is alive."""

    description = Description(tag=_TAG, summary=Text("The process is alive", "进程存活"))

    async def serve(self) -> HealthData:
        return {"version": VERSION}


class ReadyHandler(ProbeHandler):
    """The process can serve: it can write to its stores, and it does not stop."""

    description = Description(
        tag=_TAG,
        summary=Text("The server can serve", "服务就绪"),
        details=Text(
            "It can write to its stores, of a Redis Cluster to any part, and it does not stop.",
            "可以写入存储（Redis Cluster 只需任一部分可写），且没有正在停止。",
        ),
        refusals={Code.UNAVAILABLE: "not ready: mysql, redis"},
    )

    async def serve(self) -> ReadyData:
        problems = ["draining"] if self.application.draining else await self.services.health.problems()
        if problems:
            raise unavailable(f"not ready: {', '.join(problems)}")
        return {"down": self.services.health.down}


ROUTES: Routes = [
    ("/healthz", HealthHandler),
    ("/readyz", ReadyHandler),
]
