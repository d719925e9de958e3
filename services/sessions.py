"""Sessions in Redis: one for each user, in two keys with the hash tag `{userid}` (decisions, section 3).

The key of the token is what every request looks up. Its value is `token;renew_at`: `renew_at` is the time (Unix s) at
which half of the lifetime is over. The key of the refresh_token is a hash of the refresh_token, the one that it
replaced (`previous`) and the time of that (`rotated_at`, ms). Both keys expire with the session.

A third key bars logins that are under way while a password is replaced: they have verified the old one. A fourth one
holds the user's own networks, whose wrong passwords count apart (`services.limits`): the last ones from which a session
was opened, since the password was replaced.
"""

import hashlib
import secrets
import time
from typing import Any, NamedTuple, cast

import structlog

from services.background import Background
from services.errors import Code, ServiceError, StoreError, unavailable
from services.redis import keys
from services.redis.client import RedisClient, Script

log = structlog.get_logger()

# Longer than a login takes, its wait for the hash included.
_BARRED_S = 60

_OWN_NETWORKS = 5  # the last ones
_OWN_NETWORK_MS = 30 * 86_400_000  # after the last login from there
_NOTED_MS = 3_600_000  # a login from there is noted once in this time: to note it takes Redis a third of a login

# KEYS: token, refresh_token, voided passwords, own networks. ARGV: new value of the token's key, new refresh_token,
# lifetime (s), digest of the stored password; the network or '', the time (Unix ms), how long a network is kept (ms),
# how many are, and for how long one is not noted again (ms). Returns 1, or 0 when that password is voided.
_OPEN = Script.of(
    "open session",
    """
if redis.call('SISMEMBER', KEYS[3], ARGV[4]) == 1 then return 0 end
redis.call('SET', KEYS[1], ARGV[1], 'EX', ARGV[3])
redis.call('DEL', KEYS[2])
redis.call('HSET', KEYS[2], 'refresh_token', ARGV[2])
redis.call('EXPIRE', KEYS[2], ARGV[3])
if ARGV[5] ~= '' and tonumber(redis.call('ZSCORE', KEYS[4], ARGV[5]) or 0) < ARGV[6] - ARGV[9] then
  redis.call('ZADD', KEYS[4], ARGV[6], ARGV[5])
  redis.call('ZREMRANGEBYSCORE', KEYS[4], 0, ARGV[6] - ARGV[7])
  redis.call('ZREMRANGEBYRANK', KEYS[4], 0, -1 - ARGV[8])
  redis.call('PEXPIRE', KEYS[4], ARGV[7])
end
return 1
""",
)

# KEYS: token, refresh_token, voided passwords, own networks. ARGV: digest of the stored password, time for which it is
# voided (s).
# Of two changes at once the slower one leaves the session of the faster one alone.
_VOID = Script.of(
    "void password",
    """
if redis.call('SADD', KEYS[3], ARGV[1]) == 1 then
  redis.call('EXPIRE', KEYS[3], ARGV[2])
  redis.call('DEL', KEYS[1], KEYS[2], KEYS[4])
end
""",
)

# KEYS: token, refresh_token. Returns 1 when there was a session.
_END = Script.of("end session", "return math.min(redis.call('DEL', KEYS[1], KEYS[2]), 1)")

# KEYS: token. Returns the rest of the lifetime (s), negative without a session.
_REST = Script.of("look at session", "return redis.call('TTL', KEYS[1])")

# KEYS: token, refresh_token. ARGV: presented refresh_token, new value of the token's key, new refresh_token,
# lifetime (s), grace (s).
# Returns {value of the token's key, refresh_token, rest of the lifetime (s)}, or nil for an invalid refresh_token.
_REFRESH = Script.of(
    "refresh session",
    """
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
  local value = redis.call('GET', KEYS[1])
  if value and now - rotated_at <= ARGV[5] * 1000 then
    return {value, current, math.ceil(redis.call('PTTL', KEYS[1]) / 1000)}
  end
  redis.call('DEL', KEYS[1], KEYS[2])
end
return nil
""",
)

# KEYS: token, refresh_token. ARGV: the value that was read, its new form, lifetime (s).
# A session that was replaced meanwhile stays as it is.
_RENEW = Script.of(
    "renew session",
    """
if redis.call('GET', KEYS[1]) == ARGV[1] then
  redis.call('SET', KEYS[1], ARGV[2], 'EX', ARGV[3])
  redis.call('EXPIRE', KEYS[2], ARGV[3])
end
""",
)


class Session(NamedTuple):
    """The answer to a login or a refresh. `expires` is the lifetime in seconds."""

    token: str
    refresh_token: str
    expires: int


class CurrentSession(NamedTuple):
    """The session that a request found."""

    userid: str
    token: str
    value: bytes
    """The value of the token's key."""


class Sessions:
    """Opens, refreshes, finds and renews sessions. `expires` and `grace` are in seconds.

    With `sliding`, a session in use is renewed once half of its lifetime is over.
    """

    def __init__(self, redis: RedisClient, *, expires: int, grace: int, sliding: bool) -> None:
        self._redis = redis
        self._expires = expires
        self._grace = grace
        self._sliding = sliding
        self._renewing: set[str] = set()
        self._renewals = Background()

    async def open(self, userid: str, stored: str, network: str) -> Session:
        """Start a session for the user whose password fits the `stored` one. It replaces the user's session.

        The network is one of the user's own then, unless it is "". Raises UNAVAILABLE while that password is being
        replaced.
        """
        session = Session(_new_token(userid), secrets.token_urlsafe(24), self._expires)
        new = (self._value(session.token), session.refresh_token, self._expires, _digest(stored))
        login = (network, int(time.time() * 1000), _OWN_NETWORK_MS, _OWN_NETWORKS, _NOTED_MS)
        if not await self._redis.run(_OPEN, _all_keys(userid), (*new, *login)):
            raise unavailable("the password is being changed")
        return session

    async def void(self, userid: str, stored: str) -> None:
        """End the user's session before the `stored` password is replaced. No login that has verified it gets one."""
        await self._redis.run(_VOID, _all_keys(userid), [_digest(stored), _BARRED_S])

    async def end(self, userid: str) -> bool:
        """End the user's session. False when there is none."""
        return bool(await self._redis.run(_END, _keys(userid), []))

    async def rest(self, userid: str) -> int:
        """The rest of the lifetime of the user's session in seconds; 0 without one."""
        return max(int(await self._redis.run(_REST, [keys.token(userid)], [])), 0)

    async def refresh(self, userid: str, refresh_token: str) -> Session:
        """Exchange a valid refresh_token for a new session, atomically.

        A retry within the grace gets the session that the first try made. A replaced refresh_token that comes later
        may be stolen, so it ends the session. Raises INVALID_TOKEN.
        """
        value = self._value(_new_token(userid))
        answer = await self._redis.run(
            _REFRESH,
            _keys(userid),
            [refresh_token, value, secrets.token_urlsafe(24), self._expires, self._grace],
        )
        if answer is None:
            raise ServiceError(Code.INVALID_TOKEN, "refresh_token: wrong, expired or replaced")
        current, current_refresh_token, expires = cast(list[Any], answer)
        return Session(_token_in(current), current_refresh_token.decode(), expires)

    async def current(self, userid: str) -> CurrentSession | None:
        """The user's session, None without one."""
        value = await self._redis.get(keys.token(userid))
        return None if value is None else CurrentSession(userid, _token_in(value), value)

    def renew_if_due(self, session: CurrentSession) -> None:
        """Extend a session in use by a whole lifetime, in the background, when half of it is over."""
        if self._sliding and _renew_at(session.value) <= time.time() and session.userid not in self._renewing:
            self._renewing.add(session.userid)
            self._renewals.start(self._renew(session))

    async def _renew(self, session: CurrentSession) -> None:
        try:
            await self._redis.run(
                _RENEW, _keys(session.userid), [session.value, self._value(session.token), self._expires]
            )
        except StoreError as error:  # the next request tries again
            log.warning("session not renewed", userid=session.userid, error=str(error))
        finally:
            self._renewing.discard(session.userid)

    def _value(self, token: str) -> str:
        return f"{token};{int(time.time()) + self._expires // 2}"


def owner(token: str) -> str:
    """The userid that a token claims: a token is `userid.random`."""
    return token.partition(".")[0]


def _new_token(userid: str) -> str:
    return f"{userid}.{secrets.token_urlsafe(24)}"


def _token_in(value: bytes) -> str:
    return value.partition(b";")[0].decode()


def _renew_at(value: bytes) -> int:
    return int(value.partition(b";")[2] or 0)


def _digest(stored: str) -> str:
    return hashlib.sha256(stored.encode()).hexdigest()


def _keys(userid: str) -> list[str]:
    return [keys.token(userid), keys.refresh_token(userid)]


def _all_keys(userid: str) -> list[str]:
    return [*_keys(userid), keys.voided_passwords(userid), keys.own_networks(userid)]
