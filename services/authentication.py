"""Who is calling: the official apps' `Liteav-Sig`, or a bearer token for everyone else."""

import hmac
import math
import re
import time
from collections.abc import Mapping
from typing import Any

from services import sessions, signatures
from services.errors import Code, ServiceError

USERID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,31}")
_TIMESTAMP = re.compile(rb'("timestamp"\s*:\s*"?)(\d{1,18})(?!\d)')
_MILLISECONDS = 1e11  # a timestamp above this is in milliseconds (iOS)


class Authenticator:
    """Tells the caller of a request from its headers and its body. `clock_skew` is in seconds."""

    def __init__(self, sessions: sessions.Sessions, *, clock_skew: int) -> None:
        self._sessions = sessions
        self._clock_skew = clock_skew

    async def caller(self, headers: Mapping[str, str], raw: bytes, body: Mapping[str, Any]) -> str:
        """The userid of the caller. Raises INVALID_TOKEN.

        `raw` is the body exactly as received and `body` what it means.
        """
        if (signature := headers.get("Liteav-Sig")) is not None:
            return await self._signed(signature, raw, body)
        if (authorization := headers.get("Authorization")) is not None:
            return await self._bearer(authorization, body)
        raise _invalid("neither Liteav-Sig nor Authorization: Bearer")

    async def _bearer(self, authorization: str, body: Mapping[str, Any]) -> str:
        scheme, _, token = authorization.partition(" ")
        token = token.strip()
        userid = sessions.owner(token)
        if scheme.lower() != "bearer" or not USERID.fullmatch(userid):
            raise _invalid("not a bearer token")
        expected = await self._sessions.token(userid)
        if expected is None or not _equal(token, expected):
            raise _invalid("token is wrong, expired or replaced")
        if body.get("userid") not in (None, userid):
            raise _invalid("userid is not the token's")
        return userid

    async def _signed(self, signature: str, raw: bytes, body: Mapping[str, Any]) -> str:
        userid = body.get("userid")
        if not isinstance(userid, str) or not USERID.fullmatch(userid):
            raise _invalid("a signed request needs its userid")
        token = await self._sessions.token(userid)
        if token is None or not _matches(signature, token, raw):
            raise _invalid("signature does not match, or the token is expired or replaced")
        self._check_fresh(body)
        return userid

    def _check_fresh(self, body: Mapping[str, Any]) -> None:
        """A signed request is good until timestamp + expires, give or take the skew of the clocks.

        iOS sends neither when it uploads a room: then the signature alone decides.
        """
        if body.get("timestamp") is None or body.get("expires") is None:
            return
        timestamp = _number("timestamp", body["timestamp"])
        expires = _number("expires", body["expires"])
        if timestamp > _MILLISECONDS:
            timestamp /= 1000
        now = time.time()
        if timestamp + expires < now - self._clock_skew or timestamp > now + self._clock_skew:
            raise _invalid("request expired")


def _matches(signature: str, token: str, raw: bytes) -> bool:
    if _equal(signature, signatures.liteav_sig(token, raw)):
        return True
    # Android builds the body twice, once to sign it and once to send it: the clock may have moved on in between.
    later = _TIMESTAMP.sub(lambda found: found[1] + b"%d" % (int(found[2]) + 1), raw, count=1)
    return later != raw and _equal(signature, signatures.liteav_sig(token, later))


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
