"""Returning users: a password that was verified not long ago is recognised without another Argon2id hash.

Redis holds a check, which is an HMAC-SHA256 over the stored hash and the password. The key of the HMAC is in neither
store, so a thief of both stores can try passwords against the Argon2id hashes only. A change of the stored hash voids
the check.
"""

import asyncio
import hashlib
import hmac
from collections.abc import Sequence

from services.redis import keys
from services.redis.client import RedisClient


class RememberedPasswords:
    """Remembers for `ttl` seconds; a `ttl` of 0 remembers nothing.

    It remembers with the first of the `secrets` and recognises all of them: while a key is rotated there are two.
    """

    def __init__(self, redis: RedisClient, *, secrets: Sequence[str], ttl: int) -> None:
        self._redis = redis
        self._keys = [hashlib.sha256(key.encode()).digest() for key in secrets]
        self._ttl = ttl

    def check_of(self, userid: str) -> asyncio.Future[bytes | None]:
        """A future of what is remembered of a user, None without anything."""
        if self._ttl:
            return self._redis.get(keys.verified_password(userid))
        nothing: asyncio.Future[bytes | None] = asyncio.get_running_loop().create_future()
        nothing.set_result(None)
        return nothing

    def fits(self, check: bytes, stored: str, password: str) -> bool:
        """True when the check is one of this password, verified against this stored hash."""
        return any(hmac.compare_digest(check, _check(key, stored, password)) for key in self._keys)

    async def remember(self, userid: str, stored: str, password: str) -> None:
        """Store the check of a password that has just been verified against the stored hash."""
        if self._ttl:
            await self._redis.set(keys.verified_password(userid), _check(self._keys[0], stored, password), self._ttl)


def _check(key: bytes, stored: str, password: str) -> bytes:
    return hmac.digest(key, f"{stored}\0{password}".encode(), "sha256")
