"""Rate limits in Redis, common to all processes (decisions, section 13).

The algorithm is GCRA, the leaky bucket as a meter (ITU-T I.371, annex A.1): a subject may make all its uses at once,
and then each one when the interval for it has passed. The state is the time in which all past uses become free again,
and this is the time to live of a key without a value. So what has no key has not been used, and old keys vanish.
"""

from collections.abc import Sequence
from functools import lru_cache
from ipaddress import IPv6Address, IPv6Network, ip_address

import structlog

from conf import settings
from conf.values import Rate
from services.errors import Code, ServiceError, StoreError
from services.metrics.catalogue import Metrics
from services.redis import keys
from services.redis.client import RedisClient, Script

log = structlog.get_logger()

_IPV6_PREFIX = 64  # bits: one customer has at least so many addresses (RFC 6177)

_NO_QUOTA = (0, 0)

_CALLS_PER_RATE = 15  # a rate of fewer uses is exact
_MAX_DEBTORS = 10_000  # subjects of a process

# KEYS: the limit. ARGV: how many uses, 0 to look for one; the interval (ms) and the uses of the limit. Returns the time
# until they are free (ms), or 0. To look fails, too, when Redis takes no writes: here and below, a count that fails
# must not tell a wrong sign or password from a right one.
_METER = Script.of(
    "meter rate",
    """
local debt = math.max(redis.call('PTTL', KEYS[1]), 0)
local wait = debt + ARGV[2] * (math.max(ARGV[1], 1) - ARGV[3])
if wait > 0 then return wait end
debt = debt + ARGV[1] * ARGV[2]
redis.call('SET', KEYS[1], '', 'PX', math.max(debt, 1))
if debt == 0 then redis.call('DEL', KEYS[1]) end
return 0
""",
)

# KEYS: the user's own networks; the limits of tries from those, from all others, and from this network. ARGV: 1 try, 0
# to look for one; the network; the interval (ms) and the tries of a limit of the user and of that of a network, 0 and 0
# for none. Returns the time until a try is free (ms), or 0, and 1 for an own network. A try counts in both of its
# limits, or in none. The last key is written even if nothing changes: that fails when Redis takes no writes.
_TRY = Script.of(
    "meter tries",
    """
local tries = tonumber(ARGV[1])
local own = redis.call('ZSCORE', KEYS[1], ARGV[2]) and 1 or 0
local limits = {own == 1 and KEYS[2] or KEYS[3], KEYS[4]}
local debts, wait = {}, 0
for i, key in ipairs(limits) do
  local interval = tonumber(ARGV[1 + 2 * i])
  debts[i] = math.max(redis.call('PTTL', key), 0)
  if interval > 0 then wait = math.max(wait, debts[i] + interval * (1 - ARGV[2 + 2 * i])) end
  debts[i] = debts[i] + interval * tries
end
if wait > 0 then return {wait, own} end
if tries > 0 and debts[1] > 0 then redis.call('SET', limits[1], '', 'PX', debts[1]) end
redis.call('SET', KEYS[4], '', 'PX', math.max(debts[2], 1))
if debts[2] == 0 then redis.call('DEL', KEYS[4]) end
return {0, own}
""",
)

# KEYS: limits. ARGV: the interval (ms) of each.
_GIVE_BACK = Script.of(
    "give back try",
    """
for i, key in ipairs(KEYS) do
  local debt = redis.call('PTTL', key) - ARGV[i]
  if debt > 0 then redis.call('SET', key, '', 'PX', debt) else redis.call('DEL', key) end
end
""",
)


class Limit:
    """A rate of the settings for each subject: a user, or the network of an address. "" is no subject, and free."""

    def __init__(self, redis: RedisClient, rates: settings.Limits, name: str, message: str, metrics: Metrics) -> None:
        self._redis = redis
        self._name = name
        self.rate: Rate | None = getattr(rates, name)
        """None: nothing is limited."""
        self._quota = _quota(self.rate)
        self._message = message
        self._serves_without_redis = rates.without_redis == "serve"
        self.subject_of = network_of if name.endswith("_per_address") else str
        """What is counted together with a user or an address."""
        self._throttled = metrics.throttled

    async def use(self, subject: str, uses: int = 1) -> None:
        """Count uses of a user or an address. 0 only looks for a free one. Raises TOO_FREQUENT without so many."""
        await self.count(self.subject_of(subject), uses)

    async def count(self, subject: str, uses: int) -> None:
        """Count uses of what `subject_of` has returned. Raises as `use` does."""
        if not (self.rate and subject):
            return
        try:
            wait_ms = await self._redis.run(_METER, [keys.limit(self._name, subject)], [uses, *self._quota])
        except StoreError as error:
            if not self._serves_without_redis:
                raise
            log.warning("limit not counted", limit=self._name, error=str(error))
            return
        if wait_ms > 0:
            self._throttled[self._name] += 1
            raise _too_frequent(self._message, wait_ms)


class SparingLimit:
    """A limit that asks Redis once for a fifteenth of its uses: a call for each made an upload 8 % dearer.

    Each process lets a subject owe the uses between. So there may be that many more of them in each process.
    """

    def __init__(self, limit: Limit) -> None:
        self._limit = limit
        self._uses_per_call = max(limit.rate.uses // _CALLS_PER_RATE, 1) if limit.rate else 1
        self._owed: dict[str, int] = {}
        self._paying: set[str] = set()

    async def use(self, subject: str) -> None:
        """Count a use. Raises TOO_FREQUENT when none is free."""
        subject = self._limit.subject_of(subject)
        if subject in self._paying:  # who did not wait for the answer of Redis would owe without end
            await self._limit.count(subject, 1)
            return
        uses = self._owed.get(subject, 0) + 1
        if uses < self._uses_per_call:
            self._owe(subject, uses)
            return
        self._paying.add(subject)
        try:
            await self._limit.count(subject, uses)
            self._owed.pop(subject, None)
        finally:
            self._paying.discard(subject)

    def _owe(self, subject: str, uses: int) -> None:
        self._owed[subject] = uses
        if len(self._owed) > _MAX_DEBTORS:
            del self._owed[next(iter(self._owed))]  # the one who has been waiting for longest


class PasswordTries:
    """The wrong passwords of a user: from one address, and from all that count together.

    Those from the user's own networks count together, and those of strangers do. So strangers, however many addresses
    they have, lock the user out of other networks only.

    A try is acquired before the password is hashed and released when the password was right, so that simultaneous
    tries cannot outrun the count. The price: of more simultaneous first logins of one user than the rate's uses some
    are refused, even with the right password. Without Redis nobody can log in, so every method raises its error.
    """

    def __init__(self, redis: RedisClient, rates: settings.Limits, metrics: Metrics) -> None:
        self._redis = redis
        self._quota = _quota(rates.wrong_passwords)
        self._quota_per_address = _quota(rates.wrong_passwords_per_address)
        self._throttled = metrics.throttled

    async def acquire(self, userid: str, address: str) -> list[str]:
        """Use up a try. Returns the limits in which it counts. Raises TOO_FREQUENT when none is left."""
        return await self._meter(userid, address, 1)

    async def require(self, userid: str, address: str) -> None:
        """Raise TOO_FREQUENT when no try is left: the right password of a locked user is refused, too."""
        await self._meter(userid, address, 0)

    async def release(self, limits: Sequence[str]) -> None:
        """Return a try, which counts in these limits, that did not end with a wrong password."""
        if limits:
            await self._redis.run(_GIVE_BACK, limits, [self._quota[0], self._quota_per_address[0]])

    def own_network(self, address: str) -> str:
        """The network that a login from the address makes the user's own, "" when that is of no use."""
        return network_of(address) if self._quota != _NO_QUOTA else ""

    async def _meter(self, userid: str, address: str, tries: int) -> list[str]:
        if self._quota == self._quota_per_address == _NO_QUOTA:
            return []
        network = network_of(address)
        quota_per_address = self._quota_per_address if network else _NO_QUOTA
        own, strangers = keys.wrong_passwords_of_own(userid), keys.wrong_passwords(userid)
        here = keys.wrong_passwords_from(userid, network)
        wait_ms, is_own = await self._redis.run(
            _TRY,
            [keys.own_networks(userid), own, strangers, here],
            [tries, network, *self._quota, *quota_per_address],
        )
        if wait_ms > 0:
            self._throttled["wrong_passwords"] += 1
            raise _too_frequent("too many wrong passwords", wait_ms)
        return [own if is_own else strangers, here]


class Limits:
    """All limits of the settings."""

    def __init__(self, redis: RedisClient, rates: settings.Limits, metrics: Metrics) -> None:
        def limit(name: str, message: str) -> Limit:
            return Limit(redis, rates, name, message, metrics)

        self.password_tries = PasswordTries(redis, rates, metrics)
        self.logins = SparingLimit(limit("logins_per_address", "too many logins from this address"))
        self.registrations = limit("registrations_per_address", "too many registrations from this address")
        self.uploads = SparingLimit(limit("uploads_per_user", "too many uploads"))
        self.wrong_signs = limit("wrong_signs_per_address", "too many wrong signs from this address")
        self.reports = limit("reports_per_address", "too many reports from this address")


@lru_cache(maxsize=10_000)  # a login asks more than once, and a proxy's clients come again
def network_of(address: str) -> str:
    """The network of a client: its address, or in IPv6 the prefix of its customer. Empty when there is none."""
    try:
        parsed = ip_address(address)
    except ValueError:  # a Unix socket
        return ""
    if not isinstance(parsed, IPv6Address):
        return address
    if parsed.ipv4_mapped is not None:
        return str(parsed.ipv4_mapped)
    return str(IPv6Network((int(parsed), _IPV6_PREFIX), strict=False))


def _quota(rate: Rate | None) -> tuple[int, int]:
    """The arguments of the scripts for a rate."""
    return _NO_QUOTA if rate is None else (rate.interval_ms, rate.uses)


def _too_frequent(message: str, wait_ms: int) -> ServiceError:
    return ServiceError(Code.TOO_FREQUENT, message, retry_after=-(-wait_ms // 1000))
