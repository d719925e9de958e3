"""/callback/tape_callback: the live service says that a recording is ready."""

from collections.abc import Mapping
from typing import Any

from handlers.base import BaseHandler, Routes
from handlers.schemas import EventHead, EventType, read, recording_in
from services import wire
from services.errors import Code, ServiceError

_RECORDING_READY = 100

# (HTTP status, code) of a refusal. Anything else is a 5xx: Tencent tries again.
_REFUSALS = {
    Code.BAD_REQUEST: (400, 4001),
    Code.INVALID_PARAM: (400, 4002),
    Code.INVALID_TOKEN: (403, 4004),
}


class TapeCallbackHandler(BaseHandler):
    """Stores a recording; `{"code": 0}` only once it is stored, or ignored on purpose."""

    async def post(self) -> None:
        try:
            await self._receive(self.body_object())
        except ServiceError as error:
            if error.code not in _REFUSALS:
                raise
            status, self.code = _REFUSALS[error.code]
            self.set_status(status)
            self.finish(wire.encode({"code": self.code, "message": error.message}))
        else:
            self.finish(wire.encode({"code": 0}))

    async def _receive(self, body: Mapping[str, Any]) -> None:
        head = read(EventHead, body)
        if not self.services.recordings.is_genuine(head.t, head.sign):
            raise ServiceError(Code.INVALID_TOKEN, "sign: wrong or stale")
        if read(EventType, body).event_type == _RECORDING_READY:
            await self.services.recordings.store(recording_in(body), self.request.body.decode())


ROUTES: Routes = [
    ("/callback/tape_callback", TapeCallbackHandler),
    ("/callback/tape_callback.php", TapeCallbackHandler),
]
