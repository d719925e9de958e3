"""Counts wrong passwords per user in Redis, so that nobody can try them all."""

from services.coalesced_redis import CoalescedRedis, Script
from services.errors import Code, ServiceError

# KEYS: the count. ARGV: tries to add, window (s), the most. Returns the count and what is left of the window (s).
_COUNT = Script.of("""
redis.call('SET', KEYS[1], 0, 'EX', ARGV[2], 'NX')
local tries = redis.call('INCRBY', KEYS[1], ARGV[1])
local left = redis.call('TTL', KEYS[1])
if tries > tonumber(ARGV[3]) then redis.call('DECRBY', KEYS[1], ARGV[1]) end
if tries <= 0 then redis.call('DEL', KEYS[1]) end
return {tries, left}
""")


class LoginThrottle:
    """At most `max_failures` wrong passwords of one user in `window` seconds, which begin with the first one.

    A try is taken before the password is checked and given back when it was not wrong: tries at the same time
    cannot outrun the count. The price: more than `max_failures` logins of one user in flight at the same moment
    are refused even with the right password.
    """

    def __init__(self, redis: CoalescedRedis, *, max_failures: int, window: int) -> None:
        self._redis = redis
        self._max_failures = max_failures
        self._window = window

    async def take(self, userid: str) -> None:
        """Take one of the user's tries. Raises TOO_FREQUENT when there is none left."""
        tries, left = await self._count(userid, 1)
        if tries > self._max_failures:
            raise ServiceError(Code.TOO_FREQUENT, "too many wrong passwords", retry_after=max(left, 1))

    async def give_back(self, userid: str) -> None:
        """The try that was taken did not end with a wrong password."""
        await self._count(userid, -1)

    async def _count(self, userid: str, tries: int) -> tuple[int, int]:
        key = f"xzb:{{{userid}}}:login_failures"
        count, left = await self._redis.run(_COUNT, [key], [tries, self._window, self._max_failures])
        return count, left
