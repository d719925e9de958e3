"""Authentication: the official apps' `Liteav-Sig`, or a bearer token for everyone else (decisions, section 2)."""

import hmac
import math
import re
import time
from collections.abc import Mapping
from typing import Any

import structlog

from services import sessions
from services.errors import Code, ServiceError
from services.sessions import Sessions
from services.tencent import signatures
from services.validation import is_userid

log = structlog.get_logger()

_TIMESTAMP = re.compile(rb'("timestamp"\s*:\s*"?)(\d{1,18})(?!\d)')
_MAX_SHOWN_S = 10**10
_MIN_MILLISECONDS = 1e11  # a larger timestamp is in milliseconds (iOS)


class Authenticator:
    """Identifies the caller of a request. `clock_skew` is in seconds."""

    def __init__(self, sessions: Sessions, *, clock_skew: int) -> None:
        self._sessions = sessions
        self._clock_skew = clock_skew

    async def identify(self, headers: Mapping[str, str], raw: bytes, body: Mapping[str, Any]) -> str:
        """The userid of the caller. `raw` is the body exactly as received, `body` its value. Raises INVALID_TOKEN."""
        if (signature := headers.get("Liteav-Sig")) is not None:
            return await self._signed(signature, raw, body)
        if (authorization := headers.get("Authorization")) is not None:
            return await self._bearer(authorization, body)
        raise _invalid("the request has neither a Liteav-Sig nor an Authorization header")

    async def _bearer(self, authorization: str, body: Mapping[str, Any]) -> str:
        scheme, _, token = authorization.partition(" ")
        token = token.strip()
        userid = sessions.owner(token)
        if scheme.lower() != "bearer" or not is_userid(userid):
            raise _invalid('the Authorization header is not "Bearer" and a token of this server')
        session = await self._sessions.current(userid)
        if session is None or not _equal(token, session.token):
            raise _invalid("the token is wrong, expired or replaced by a newer login")
        if body.get("userid") not in (None, userid):
            raise _invalid("userid: must be the user of the token, or absent")
        return userid

    async def _signed(self, signature: str, raw: bytes, body: Mapping[str, Any]) -> str:
        userid = body.get("userid")
        if not isinstance(userid, str) or not is_userid(userid):
            raise _invalid("userid: must be the user whose token signs the request")
        session = await self._sessions.current(userid)
        if session is None or not matches(signature, session.token, raw):
            log.debug("signature does not match", userid=userid, covered=f"token + {signatures.md5_hex(raw)}")
            raise _invalid(
                "the signature does not match the body, or the token is expired or replaced by a newer login"
            )
        if _is_dated(body):
            self._check_freshness(userid, body)
            self._sessions.renew_if_due(session)  # a request without a date could be replayed to renew it for ever
        return userid

    def _check_freshness(self, userid: str, body: Mapping[str, Any]) -> None:
        """Refuse a signed request past timestamp + expires, with an allowance for clocks that differ."""
        timestamp = _number("timestamp", body["timestamp"])
        expires = _number("expires", body["expires"])
        if timestamp > _MIN_MILLISECONDS:
            timestamp /= 1000
        now = time.time()
        ahead = timestamp - now
        if ahead + expires < -self._clock_skew:
            message = f"the request expired {_shown(-ahead - expires)} s ago"
        elif ahead > self._clock_skew:
            message = f"timestamp is {_shown(ahead)} s in the future"
        else:
            return
        log.info("request expired", userid=userid, clock_offset_s=_shown(ahead))
        raise _invalid(f"{message}: clocks may differ by {self._clock_skew} s, and the server's says {now:.0f}")


def _shown(seconds: float) -> int:
    """For messages: a float may have 300 digits."""
    return round(max(-_MAX_SHOWN_S, min(seconds, _MAX_SHOWN_S)))


def matches(signature: str, token: str, raw: bytes) -> bool:
    """True when the token's session signed a body with this Liteav-Sig."""
    if _equal(signature, signatures.liteav_sig(token, raw)):
        return True
    # Android builds the body twice, once to sign it and once to send it. The clock may tick in between.
    later = _TIMESTAMP.sub(lambda match: match[1] + b"%d" % (int(match[2]) + 1), raw, count=1)
    return later != raw and _equal(signature, signatures.liteav_sig(token, later))


def _is_dated(body: Mapping[str, Any]) -> bool:
    """False for iOS's upload of a room, which has neither field: the signature alone decides."""
    return body.get("timestamp") is not None and body.get("expires") is not None


def _number(name: str, value: object) -> float:
    if isinstance(value, int | float | str) and not isinstance(value, bool):
        try:
            number = float(value)
        except (ValueError, OverflowError):
            number = math.nan
        if math.isfinite(number):
            return number
    raise ServiceError(Code.INVALID_PARAM, f"{name}: must be a number")


def _equal(given: str, expected: str) -> bool:
    return hmac.compare_digest(given.encode(), expected.encode())


def _invalid(message: str) -> ServiceError:
    return ServiceError(Code.INVALID_TOKEN, message)
