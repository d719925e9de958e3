"""Password hashing with Argon2id (RFC 9106), in threads of its own and behind queues that are bounded by time.

On the event loop one hash would stall every request for some 20 ms. In a login storm an unbounded queue would make
everybody wait until nobody is left to wait. The app sends an MD5 of the real password, and the server hashes that like
any password.
"""

import asyncio
import hmac
import os
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import argon2

from models.deadline import client_has_left, extended
from models.gate import Gate, Overloaded
from services.errors import ClientLeft, ServiceError, unavailable
from services.metrics.catalogue import Metrics

T = TypeVar("T")

_HASH_PREFIX = "$argon2"
# When a hash and the event loop want the same core, the hash gets a third of it. At 10 it gets a tenth: logins starve.
_NICENESS = 5
# In a storm everybody who gets into the queue is expected to wait for `max_wait`, so half of them wait for longer. Who
# is refused after the wait has waited for nothing.
_PATIENCE = 2


def is_hash(stored: str) -> bool:
    """False for a stored value that is a plain text."""
    return stored.startswith(_HASH_PREFIX)


class Passwords:
    """Makes and checks the values of tb_account.password.

    A hash that would have to wait for more than `max_wait` seconds is refused at once. One in the queue is dropped
    after twice that time, on top of the deadline of its request, and when its client leaves. Every method raises
    UNAVAILABLE then. Registrations have a queue of their own: the threads serve both by turns, so that neither can
    keep the other out.
    """

    def __init__(self, *, time_cost: int, memory_kib: int, threads: int, max_wait: float, metrics: Metrics) -> None:
        self._hasher = argon2.PasswordHasher(time_cost=time_cost, memory_cost=memory_kib, parallelism=1)
        self._executor = ThreadPoolExecutor(threads, thread_name_prefix="argon2", initializer=_lower_priority)
        self._max_wait = max_wait
        # One place more than threads: the next hash is at hand when a thread is free, however busy the loop is.
        self._registrations, self._logins = gates = (Gate(threads + 1), Gate(threads + 1))
        self._seconds = metrics.argon2_seconds[()]
        self._refused = metrics.argon2_refused
        metrics.argon2_running.watch(lambda: min(sum(gate.taken for gate in gates), threads))
        metrics.argon2_waiting.watch(
            lambda: sum(gate.waiting for gate in gates) + max(sum(gate.taken for gate in gates) - threads, 0)
        )

    async def hash_new(self, password: str) -> str:
        """The Argon2id hash to store for a new user."""
        return await self._run(self._registrations, lambda: self._hasher.hash(password))

    async def hash(self, password: str) -> str:
        """The Argon2id hash to store for a user who is there already."""
        return await self._run(self._logins, lambda: self._hasher.hash(password))

    async def verify(self, stored: str, password: str) -> bool:
        """True when the password belongs to the stored value: a hash, or the plain text of an imported user.

        A wrong one takes a hash in both cases, so that nobody can tell imported users by the time. A right one takes
        the hash that replaces the plain text.
        """
        if not is_hash(stored):
            if hmac.compare_digest(stored.encode(), password.encode()):
                return True
            await self.hash(password)
            return False
        return await self._run(self._logins, lambda: self._matches(stored, password))

    def refuse_if_overloaded(self) -> None:
        """Raise UNAVAILABLE when a login's hash would be refused, without the cost of what comes before it."""
        if self._logins.expected_wait > self._max_wait:
            raise self._overloaded()

    def is_outdated(self, stored: str) -> bool:
        """True when the stored value is a plain text, or a hash with other costs than the settings'."""
        return not is_hash(stored) or self._hasher.check_needs_rehash(stored)

    def close(self) -> None:
        """Finish the running hash and drop the waiting ones."""
        self._executor.shutdown(wait=True, cancel_futures=True)

    def _matches(self, stored: str, password: str) -> bool:
        try:
            return self._hasher.verify(stored, password)
        except argon2.exceptions.VerifyMismatchError:
            return False

    async def _run(self, gate: Gate, work: Callable[[], T]) -> T:
        if client_has_left():
            raise ClientLeft
        try:
            with extended(_PATIENCE * self._max_wait):
                async with gate.place(_PATIENCE * self._max_wait, self._max_wait):
                    result, seconds = await _run_in(self._executor, work)
        except Overloaded:
            raise self._overloaded() from None
        self._seconds.observe(seconds)
        return result

    def _overloaded(self) -> ServiceError:
        self._refused[()] += 1
        return unavailable("too many logins at once", "passwords")


async def _run_in(executor: ThreadPoolExecutor, work: Callable[[], T]) -> tuple[T, float]:
    return await asyncio.get_running_loop().run_in_executor(executor, lambda: _timed(work))


def _timed(work: Callable[[], T]) -> tuple[T, float]:
    started = time.monotonic()
    return work(), time.monotonic() - started


def _lower_priority() -> None:
    """Give the event loop the core first. Linux has a niceness for each thread (setpriority(2)) and caps it at 19."""
    thread = threading.get_native_id()
    os.setpriority(os.PRIO_PROCESS, thread, os.getpriority(os.PRIO_PROCESS, thread) + _NICENESS)
