"""Returning users: a password that was verified in the last day is recognised without hashing it again.

What Redis keeps is an HMAC-SHA256 over the stored hash and the password. Its key is in neither store, so whoever
has a dump of both can try passwords against the Argon2id hashes only, as if there were no such check. It covers the
stored hash: with any change of that it is void.
"""

import hashlib
import hmac

from services.coalesced_redis import CoalescedRedis


class RememberedPasswords:
    """Remembers for `ttl` seconds; an empty `key` or a `ttl` of 0 remembers nothing."""

    def __init__(self, redis: CoalescedRedis, *, key: str, ttl: int) -> None:
        self._redis = redis
        self._key = hashlib.sha256(key.encode()).digest()
        self._ttl = ttl if key else 0

    async def knows(self, userid: str, stored: str, password: str) -> bool:
        """Whether this password was verified against this stored hash, not long ago."""
        check = await self._redis.get(_name(userid)) if self._ttl else None
        return check is not None and hmac.compare_digest(check, self._check(stored, password))

    async def remember(self, userid: str, stored: str, password: str) -> None:
        """The password has just been verified against the stored hash."""
        if self._ttl:
            await self._redis.set(_name(userid), self._check(stored, password), self._ttl)

    def _check(self, stored: str, password: str) -> bytes:
        return hmac.digest(self._key, f"{stored}\0{password}".encode(), "sha256")


def _name(userid: str) -> str:
    return f"xzb:{{{userid}}}:verified"
