"""/callback/tape_callback: the live service announces a recording (decisions, section 6)."""

from collections.abc import Mapping
from typing import ClassVar

from handlers.base import BaseHandler, Routes
from handlers.description import Description
from services import wire
from services.errors import Code, ServiceError
from services.tencent.events import EventSignature, EventType, Recording
from services.texts import ExplainedCode, Text


class CallbackCode(ExplainedCode):
    """The `code` of an answer to a callback."""

    OK = 0, "the event is stored, kept for later, or ignored on purpose", "事件已入库、已留存或被有意忽略"
    BAD_REQUEST = 4001, "the body is not a JSON object in UTF-8", "请求体不是 UTF-8 编码的 JSON 对象"
    INVALID_PARAM = 4002, "`t` or `sign` is missing or malformed", "t 或 sign 缺失或格式错误"
    INVALID_SIGN = (
        4004,
        "the sign is wrong, or `t` passed more than 15 minutes ago or is more than a day ahead",
        "签名错误，或 t 已过期超过 15 分钟，或超前一天以上",
    )


# (HTTP status, code) of a refusal. After any other error, a 5xx, Tencent tries again.
_REFUSALS = {
    Code.BAD_REQUEST: (400, CallbackCode.BAD_REQUEST),
    Code.INVALID_PARAM: (400, CallbackCode.INVALID_PARAM),
    Code.INVALID_TOKEN: (403, CallbackCode.INVALID_SIGN),
}


class TapeCallbackHandler(BaseHandler):
    """Takes in an event. `{"code": 0}` says that it is stored, kept or ignored on purpose."""

    parameters = (EventSignature, EventType, Recording)
    refusals: ClassVar[Mapping[int, Mapping[CallbackCode, str]]] = {
        400: {
            CallbackCode.BAD_REQUEST: "the body is not JSON",
            CallbackCode.INVALID_PARAM: "t: is required; sign: is required",
        },
        403: {CallbackCode.INVALID_SIGN: "sign: is not md5(callback key + t)"},
    }
    """A message for each refusal, by HTTP status."""
    description = Description(
        tag=Text("Callbacks of Tencent", "腾讯云回调"),
        summary=Text("A recording is ready", "录制完成回调"),
        details=Text(
            "Tencent's live service calls it. It has an envelope of its own. Any correctly signed event gets 200: "
            "one that cannot be used, for instance because a field that a replay needs is missing or malformed, is "
            "kept. After a 5xx Tencent tries again.",
            "由腾讯云直播服务调用，回包格式独立。签名正确的事件一律返回 200："
            "无法使用的事件（例如缺少回放所需的字段或格式错误）会留存。返回 5xx 时腾讯云会重试。",
        ),
        refusals={Code.TOO_FREQUENT: "too many wrong signs from this address"},
    )

    async def post(self) -> None:
        callbacks = self.services.metrics.callbacks
        try:
            outcome = await self.services.recordings.receive(self.body_object(), self.request.body, self.address)
        except ServiceError as error:
            callbacks["refused"] += 1
            if error.code not in _REFUSALS:
                raise
            status, code = _REFUSALS[error.code]
            self.code = int(code)
            self.set_status(status)
            self.finish(wire.encode({"code": code, "message": error.message}))
        except Exception:
            callbacks["failed"] += 1
            raise
        else:
            callbacks[outcome] += 1
            self.finish(wire.encode({"code": CallbackCode.OK}))


ROUTES: Routes = [
    ("/callback/tape_callback", TapeCallbackHandler),
    ("/callback/tape_callback.php", TapeCallbackHandler),
]
