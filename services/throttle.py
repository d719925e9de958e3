"""Counts the wrong passwords of each user in Redis, so that nobody can try them all."""

from services.errors import Code, ServiceError
from services.redis import keys
from services.redis.client import RedisClient, Script

# KEYS: the count. ARGV: tries to add, window (s), maximum. Returns the count and the rest of the window (s).
_COUNT = Script.of(
    "count wrong passwords",
    """
redis.call('SET', KEYS[1], 0, 'EX', ARGV[2], 'NX')
local tries = redis.call('INCRBY', KEYS[1], ARGV[1])
local left = redis.call('TTL', KEYS[1])
if tries > tonumber(ARGV[3]) then redis.call('DECRBY', KEYS[1], ARGV[1]) end
if tries <= 0 then redis.call('DEL', KEYS[1]) end
return {tries, left}
""",
)


class LoginThrottle:
    """Allows `max_failures` wrong passwords of one user in `window` seconds, which begin with the first one.

    A try is acquired before the password is checked and released when the password was right, so that simultaneous
    tries cannot outrun the count. The price: of more than `max_failures` simultaneous logins of one user some are
    refused, even with the right password.
    """

    def __init__(self, redis: RedisClient, *, max_failures: int, window: int) -> None:
        self._redis = redis
        self._max_failures = max_failures
        self._window = window

    async def acquire(self, userid: str) -> None:
        """Use up one of the user's tries. Raises TOO_FREQUENT when none is left."""
        tries, left = await self._count(userid, 1)
        if tries > self._max_failures:
            raise ServiceError(Code.TOO_FREQUENT, "too many wrong passwords", retry_after=max(left, 1))

    async def release(self, userid: str) -> None:
        """Return a try that did not end with a wrong password."""
        await self._count(userid, -1)

    async def _count(self, userid: str, tries: int) -> tuple[int, int]:
        args = [tries, self._window, self._max_failures]
        count, left = await self._redis.run(_COUNT, [keys.login_failures(userid)], args)
        return count, left
