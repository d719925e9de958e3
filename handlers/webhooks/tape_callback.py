"""/callback/tape_callback: the live service announces a recording (decisions, section 6)."""

from handlers.base import BaseHandler, Routes
from services import wire
from services.errors import Code, ServiceError

# (HTTP status, code) of a refusal. After any other error, a 5xx, Tencent tries again.
_REFUSALS = {
    Code.BAD_REQUEST: (400, 4001),
    Code.INVALID_PARAM: (400, 4002),
    Code.INVALID_TOKEN: (403, 4004),
}


class TapeCallbackHandler(BaseHandler):
    """Takes in an event. `{"code": 0}` says that it is stored, kept or ignored on purpose."""

    async def post(self) -> None:
        callbacks = self.services.metrics.callbacks
        try:
            outcome = await self.services.recordings.receive(self.body_object(), self.request.body)
        except ServiceError as error:
            callbacks["refused"] += 1
            if error.code not in _REFUSALS:
                raise
            status, self.code = _REFUSALS[error.code]
            self.set_status(status)
            self.finish(wire.encode({"code": self.code, "message": error.message}))
        except Exception:
            callbacks["failed"] += 1
            raise
        else:
            callbacks[outcome] += 1
            self.finish(wire.encode({"code": 0}))


ROUTES: Routes = [
    ("/callback/tape_callback", TapeCallbackHandler),
    ("/callback/tape_callback.php", TapeCallbackHandler),
]
