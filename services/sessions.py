"""Logins in Redis: one session per user, whose keys share the hash tag `{userid}` (Redis Cluster).

`xzb:{userid}:token` holds the token; it is what every request looks up. `xzb:{userid}:refresh` is a hash of the
refresh_token, the one it replaced (`previous`) and when (`rotated_at`, ms). Both expire with the session.
"""

import secrets
from typing import Any, NamedTuple, cast

from services.coalesced_redis import CoalescedRedis, Script
from services.errors import Code, ServiceError

# KEYS: token, refresh. ARGV: new token, new refresh_token, lifetime (s).
_OPEN = Script.of("""
redis.call('SET', KEYS[1], ARGV[1], 'EX', ARGV[3])
redis.call('DEL', KEYS[2])
redis.call('HSET', KEYS[2], 'refresh_token', ARGV[2])
redis.call('EXPIRE', KEYS[2], ARGV[3])
""")

# KEYS: token, refresh. ARGV: presented refresh_token, new token, new refresh_token, lifetime (s), grace (s).
# Returns {token, refresh_token, lifetime left (s)}, or nothing for a refresh_token that is not valid.
_REFRESH = Script.of("""
local current, previous, rotated_at = unpack(redis.call('HMGET', KEYS[2], 'refresh_token', 'previous', 'rotated_at'))
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
if current == ARGV[1] then
  redis.call('SET', KEYS[1], ARGV[2], 'EX', ARGV[4])
  redis.call('HSET', KEYS[2], 'refresh_token', ARGV[3], 'previous', ARGV[1], 'rotated_at', now)
  redis.call('EXPIRE', KEYS[2], ARGV[4])
  return {ARGV[2], ARGV[3], tonumber(ARGV[4])}
end
if previous == ARGV[1] then
  local token = redis.call('GET', KEYS[1])
  if token and now - rotated_at <= ARGV[5] * 1000 then
    return {token, current, math.ceil(redis.call('PTTL', KEYS[1]) / 1000)}
  end
  redis.call('DEL', KEYS[1], KEYS[2])
end
return nil
""")


class Session(NamedTuple):
    """What a login or a refresh hands out; `expires` is in seconds."""

    token: str
    refresh_token: str
    expires: int


class Sessions:
    """Opens, refreshes and looks up sessions. `expires` and `grace` are in seconds."""

    def __init__(self, redis: CoalescedRedis, *, expires: int, grace: int) -> None:
        self._redis = redis
        self._expires = expires
        self._grace = grace

    async def open(self, userid: str) -> Session:
        """Start a session; it replaces the one the user had."""
        session = Session(_new_token(userid), secrets.token_urlsafe(24), self._expires)
        await self._redis.run(_OPEN, keys(userid), session)
        return session

    async def refresh(self, userid: str, refresh_token: str) -> Session:
        """Exchange a valid refresh_token for a new session, atomically.

        A retry within the grace gets the session that the first try made. A replaced refresh_token presented
        later may be a thief's, so it ends the session. Raises INVALID_TOKEN.
        """
        answer = await self._redis.run(
            _REFRESH,
            keys(userid),
            [refresh_token, _new_token(userid), secrets.token_urlsafe(24), self._expires, self._grace],
        )
        if answer is None:
            raise ServiceError(Code.INVALID_TOKEN, "refresh_token: wrong, expired or replaced")
        token, current, expires = cast(list[Any], answer)
        return Session(token.decode(), current.decode(), expires)

    async def token(self, userid: str) -> str | None:
        """The token of the user's session, None without one."""
        token = await self._redis.get(keys(userid)[0])
        return None if token is None else token.decode()


def owner(token: str) -> str:
    """The userid that a token claims to be of: it is `userid.random`."""
    return token.partition(".")[0]


def _new_token(userid: str) -> str:
    return f"{userid}.{secrets.token_urlsafe(24)}"


def keys(userid: str) -> list[str]:
    """The keys of the user's token and refresh_token."""
    return [f"xzb:{{{userid}}}:token", f"xzb:{{{userid}}}:refresh"]
