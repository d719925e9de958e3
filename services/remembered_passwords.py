"""Returning users: a password that was verified not long ago is recognised without another Argon2id hash.

Redis holds a check, which is an HMAC-SHA256 over the stored hash and the password. The key of the HMAC is in neither
store, so a thief of both stores can try passwords against the Argon2id hashes only. A change of the stored hash voids
the check.
"""

import hashlib
import hmac

from services.redis import keys
from services.redis.client import RedisClient


class RememberedPasswords:
    """Remembers for `ttl` seconds; an empty `key` or a `ttl` of 0 remembers nothing."""

    def __init__(self, redis: RedisClient, *, key: str, ttl: int) -> None:
        self._redis = redis
        self._key = hashlib.sha256(key.encode()).digest()
        self._ttl = ttl if key else 0

    async def knows(self, userid: str, stored: str, password: str) -> bool:
        """True when this password was verified against this stored hash within the last `ttl` seconds."""
        check = await self._redis.get(keys.verified_password(userid)) if self._ttl else None
        return check is not None and hmac.compare_digest(check, self._check(stored, password))

    async def remember(self, userid: str, stored: str, password: str) -> None:
        """Store the check of a password that has just been verified against the stored hash."""
        if self._ttl:
            await self._redis.set(keys.verified_password(userid), self._check(stored, password), self._ttl)

    def _check(self, stored: str, password: str) -> bytes:
        return hmac.digest(self._key, f"{stored}\0{password}".encode(), "sha256")
