"""A lease: work that one process does at a time, and not more often than it is due."""

import secrets

from services.redis.client import RedisClient, Script

_DONE = "done"

# KEYS: the lease. ARGV: token of the process, time (s), the value of a lease whose work is done, or "" if that counts
# as taken. Returns 1 when the process has the lease.
_ACQUIRE = Script.of(
    "acquire lease",
    """
local holder = redis.call('GET', KEYS[1])
if holder and holder ~= ARGV[3] then return 0 end
redis.call('SET', KEYS[1], ARGV[1], 'EX', ARGV[2])
return 1
""",
)

# KEYS: the lease. ARGV: token of the process, new value, time (s). Returns 0 when the process has lost the lease.
_PASS_ON = Script.of(
    "pass on lease",
    """
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
redis.call('SET', KEYS[1], ARGV[2], 'EX', ARGV[3])
return 1
""",
)


class Lease:
    """A lease on a key. It expires `seconds` after the last `extend`, so that a process that died blocks nobody."""

    def __init__(self, redis: RedisClient, key: str, *, seconds: int) -> None:
        self._redis = redis
        self._key = key
        self._seconds = seconds
        self._token = secrets.token_urlsafe(12)

    async def acquire(self, *, early: bool = False) -> bool:
        """Take the lease. False when another process has it, or, unless `early`, when the work is not due yet."""
        args = (self._token, self._seconds, _DONE if early else "")
        return bool(await self._redis.run(_ACQUIRE, [self._key], args))

    async def extend(self) -> bool:
        """Keep the lease. False when it has expired, and another process may have it."""
        return bool(await self._redis.run(_PASS_ON, [self._key], (self._token, self._token, self._seconds)))

    async def finish(self, seconds: int) -> None:
        """Give the lease back. The work is due again after so many seconds."""
        await self._redis.run(_PASS_ON, [self._key], (self._token, _DONE, seconds))
