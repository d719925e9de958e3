"""The fields of a body that belong to the caller's authentication (decisions, section 2)."""

from typing import Annotated

from services.texts import described
from services.validation import Parameters, Rule, Userid

_NUMBER = Rule("a number, or its text", "数字或其文本")


class CallerFields(Parameters):
    """What a signed body says about its caller. Only the description reads it: `services.authentication` decides."""

    userid: Annotated[
        Userid | None,
        described(
            "the caller: a signed request needs it, with a bearer token it may be absent. Anything else gets 498",
            "调用者本人：签名请求必填，使用 Bearer 时可省略。其他值得到 498",
            "xiaoming",
        ),
    ] = None
    timestamp: Annotated[
        Annotated[float, _NUMBER] | None,
        described(
            "time of a signed request, Unix seconds (milliseconds above 10^11). Ignored with a bearer token",
            "签名请求的时间，Unix 秒（大于 10^11 时为毫秒）。使用 Bearer 时忽略",
            1700000000,
        ),
    ] = None
    expires: Annotated[
        Annotated[float, _NUMBER] | None,
        described(
            "seconds for which a signed request is valid. Ignored with a bearer token",
            "签名请求的有效期（秒）。使用 Bearer 时忽略",
            10,
        ),
    ] = None
