"""Places for work of one kind, of which only so much may be under way at a time."""

import asyncio
import math
import time
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

_WEIGHT = 0.1  # of the last work in the moving average


class Overloaded(Exception):
    """There is no place in time."""


class Gate:
    """At most `places` callers at a time, in the order of their arrival.

    The queue is bounded by time. The gate knows how long a place is kept, so it refuses at once who would wait too
    long. An asyncio.Semaphore costs ten times as much when a place is free.
    """

    def __init__(self, places: int) -> None:
        self._places = places
        self._queue: deque[asyncio.Future[None]] = deque()
        self.taken = 0
        """Places in use."""
        self.seconds = 0.0
        """For which a place is kept: a moving average."""

    @property
    def waiting(self) -> int:
        """Callers who wait for a place."""
        return len(self._queue)

    @property
    def expected_wait(self) -> float:
        """The time in seconds that somebody who comes now would wait."""
        return (self.waiting + 1) * self.seconds / self._places if self.taken == self._places else 0.0

    @asynccontextmanager
    async def place(self, max_wait: float, max_expected_wait: float = math.inf) -> AsyncIterator[None]:
        """A place for the duration of the block. Raises Overloaded when none is free within `max_wait` seconds.

        It raises at once when a longer wait is expected than either of the two allows.
        """
        await self.enter(max_wait, max_expected_wait)
        entered = time.monotonic()
        try:
            yield
        finally:
            self.leave(time.monotonic() - entered)

    async def enter(self, max_wait: float, max_expected_wait: float = math.inf) -> None:
        """Take a place, which the caller gives back by `leave`. Raises as `place` does."""
        if self.enter_now():
            return
        if self.expected_wait > min(max_wait, max_expected_wait):
            raise Overloaded
        await self._wait(max_wait)

    def enter_now(self) -> bool:
        """Take a place, if one is free."""
        if self.taken == self._places:
            return False
        self.taken += 1
        return True

    def leave(self, seconds: float | None = None) -> None:
        """Give a place back that was kept for so many seconds, or for nothing."""
        if seconds is not None:
            self.seconds += _WEIGHT * (seconds - self.seconds) if self.seconds else seconds
        while self._queue:
            waiting = self._queue.popleft()
            if not waiting.done():
                waiting.set_result(None)  # the place stays taken
                return
        self.taken -= 1

    async def _wait(self, max_wait: float) -> None:
        place = asyncio.get_running_loop().create_future()
        self._queue.append(place)
        try:
            async with asyncio.timeout(max_wait):
                await place
        except BaseException as error:
            if place.cancelled():
                with suppress(ValueError):  # `leave` has passed over it
                    self._queue.remove(place)
            else:
                self.leave()  # it came in the last moment
            if isinstance(error, TimeoutError):
                raise Overloaded from None
            raise
