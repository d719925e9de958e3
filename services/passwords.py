"""Password hashing with Argon2id (RFC 9106), in threads of its own and behind a bounded queue.

On the event loop one hash would stall every request for some 20 ms; without a bound a login storm would take
all memory. What the app sends is already an MD5 of the real password: it is hashed like any password.
"""

import asyncio
import hmac
import os
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import argon2

from services.errors import unavailable

T = TypeVar("T")

_HASH_PREFIX = "$argon2"
# More than the event loop's: at 5 more a thread gets a third of its time when both want a core; at 10, a tenth, logins
# starve.
_NICENESS = 5


class Passwords:
    """Makes and checks the values of tb_account.password."""

    def __init__(self, *, time_cost: int, memory_kib: int, threads: int, queue: int) -> None:
        self._hasher = argon2.PasswordHasher(time_cost=time_cost, memory_cost=memory_kib, parallelism=1)
        self._executor = ThreadPoolExecutor(threads, thread_name_prefix="argon2", initializer=_give_way)
        self._most = threads + queue
        self._running = 0

    async def hash(self, password: str) -> str:
        """The Argon2id hash to store."""
        return await self._run(lambda: self._hasher.hash(password))

    async def verify(self, stored: str, password: str) -> bool:
        """Whether this is the password behind a stored value, be it a hash or an imported plain text."""
        if not stored.startswith(_HASH_PREFIX):
            return hmac.compare_digest(stored.encode(), password.encode())
        return await self._run(lambda: self._matches(stored, password))

    def is_outdated(self, stored: str) -> bool:
        """Whether a stored value is a plain text or a hash of other costs than today's."""
        return not stored.startswith(_HASH_PREFIX) or self._hasher.check_needs_rehash(stored)

    def close(self) -> None:
        """Finish the hash that is being made and forget those that wait."""
        self._executor.shutdown(wait=True, cancel_futures=True)

    def _matches(self, stored: str, password: str) -> bool:
        try:
            return self._hasher.verify(stored, password)
        except argon2.exceptions.VerifyMismatchError:
            return False

    async def _run(self, work: Callable[[], T]) -> T:
        if self._running >= self._most:
            raise unavailable("too many logins at once")
        self._running += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._executor, work)
        finally:
            self._running -= 1


def _give_way() -> None:
    """Let the event loop have the core first: one waits for a hash anyway (Linux has a niceness for each thread)."""
    thread = threading.get_native_id()
    os.setpriority(os.PRIO_PROCESS, thread, os.getpriority(os.PRIO_PROCESS, thread) + _NICENESS)  # Linux stops at 19
