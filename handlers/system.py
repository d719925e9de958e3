"""/healthz and /readyz, for supervisors and load balancers."""

from conf.version import VERSION
from handlers.base import BaseHandler, Routes
from services.errors import Code, unavailable


class HealthHandler(BaseHandler):
    """The process is alive."""

    quiet = True

    async def get(self) -> None:
        self.answer(Code.OK, "OK", {"version": VERSION})

    head = get


class ReadyHandler(BaseHandler):
    """The process can serve: it can write to its stores, and it does not stop."""

    quiet = True

    async def get(self) -> None:
        problems = ["draining"] if self.application.draining else await self.services.health.problems()
        if problems:
            raise unavailable(f"not ready: {', '.join(problems)}")
        self.answer(Code.OK, "OK")

    head = get


ROUTES: Routes = [
    ("/healthz", HealthHandler),
    ("/readyz", ReadyHandler),
]
