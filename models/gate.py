"""Places for work of one kind, of which only so much may be under way at a time."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

_WEIGHT = 0.1  # of the last work in the moving average


class Overloaded(Exception):
    """There is no place in time."""


class Gate:
    """At most `places` callers at a time, in the order of their arrival.

    The queue is bounded by time. The gate knows how long a place is kept, so it refuses at once who would wait too
    long.
    """

    def __init__(self, places: int) -> None:
        self._places = places
        self._free = asyncio.Semaphore(places)
        self.seconds = 0.0
        """For which a place is kept: a moving average."""
        self.waiting = 0
        """Callers who wait for a place."""
        self.taken = 0
        """Places in use."""

    @property
    def is_full(self) -> bool:
        """True when somebody who comes now would have to wait."""
        return self._free.locked()

    @property
    def expected_wait(self) -> float:
        """The time in seconds that somebody who comes now would wait."""
        return (self.waiting + 1) * self.seconds / self._places if self.is_full else 0.0

    @asynccontextmanager
    async def place(self, max_wait: float) -> AsyncIterator[None]:
        """A place for the duration of the block. Raises Overloaded when none is free within `max_wait` seconds."""
        await self.enter(max_wait)
        entered = time.monotonic()
        try:
            yield
        finally:
            self.leave(time.monotonic() - entered)

    async def enter(self, max_wait: float) -> None:
        """Take a place, which the caller gives back by `leave`. Raises as `place` does."""
        if self.is_full:
            await self._wait(max_wait)
        else:
            await self._free.acquire()  # at once
        self.taken += 1

    def leave(self, seconds: float | None = None) -> None:
        """Give a place back that was kept for so many seconds, or for nothing."""
        if seconds is not None:
            self.seconds += _WEIGHT * (seconds - self.seconds) if self.seconds else seconds
        self.taken -= 1
        self._free.release()

    async def _wait(self, max_wait: float) -> None:
        if self.expected_wait > max_wait:
            raise Overloaded
        self.waiting += 1
        try:
            async with asyncio.timeout(max_wait):
                await self._free.acquire()
        except TimeoutError:
            raise Overloaded from None
        finally:
            self.waiting -= 1
