"""Coalescing: look-ups that are made at the same time travel to a store in one call.

Hundreds of requests are in progress at a time, and a look-up costs more for its call than for its key.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import Generic, TypeVar

from services.background import Background
from services.metrics.families import Histogram

K = TypeVar("K")
V = TypeVar("V")


class BatchLoader(Generic[K, V]):
    """Calls `fetch` with the keys of one iteration of the event loop and hands each caller the value of its key.

    One call is under way at a time. The keys that arrive meanwhile make up the next batch.

    `fetch` returns one value for each key, in the order of the keys. A value that is an exception is raised in its
    caller alone, and for one that is a future its caller alone waits. An exception of the call is raised in everybody
    who waits, so that nobody waits for a second call to a store that hangs. `max_batch` bounds a batch; 1 turns
    coalescing off. `sizes` gets the number of keys of each call.
    """

    def __init__(
        self,
        fetch: Callable[[list[K]], Awaitable[Sequence[V | Exception | asyncio.Future[V]]]],
        *,
        max_batch: int,
        sizes: Histogram | None = None,
    ) -> None:
        self._fetch = fetch
        self._max_batch = max_batch
        self._sizes = sizes
        self._waiting: list[tuple[K, asyncio.Future[V]]] = []
        self._calls = Background()
        self._loop = asyncio.get_running_loop()  # asked for once: in Python 3.11 that is a system call

    def load(self, key: K) -> asyncio.Future[V]:
        """A future of the value of the key."""
        future: asyncio.Future[V] = self._loop.create_future()
        self._waiting.append((key, future))
        if self._max_batch == 1:
            self._send()
        elif len(self._waiting) == 1 and not self._calls:
            self._loop.call_soon(self._send)
        return future

    async def close(self) -> None:
        """Cancel the calls under way, and everybody who waits."""
        await self._calls.cancel()
        for _, future in self._waiting:
            future.cancel()

    def _send(self) -> None:
        batch, self._waiting = self._waiting[: self._max_batch], self._waiting[self._max_batch :]
        self._calls.start(self._call(batch)).add_done_callback(self._send_rest)

    def _send_rest(self, _: asyncio.Task[None]) -> None:
        if self._waiting:
            self._loop.call_soon(self._send)

    async def _call(self, batch: list[tuple[K, asyncio.Future[V]]]) -> None:
        if self._sizes is not None:
            self._sizes.observe(len(batch))
        try:
            values = await self._fetch([key for key, _ in batch])
            outcomes: list[tuple[tuple[K, asyncio.Future[V]], V | Exception | asyncio.Future[V]]]
            outcomes = list(zip(batch, values, strict=True))
        except asyncio.CancelledError:
            for _, future in batch:
                future.cancel()
            raise
        except Exception as error:
            failed, self._waiting = batch + self._waiting, []
            outcomes = [(caller, error) for caller in failed]
        for (_, future), outcome in outcomes:
            if isinstance(outcome, asyncio.Future):
                outcome.add_done_callback(partial(_pass_on, future))
            else:
                settle(future, outcome)


def settle(future: asyncio.Future[V], outcome: V | Exception) -> None:
    """Give a future its result or its exception, unless its caller is gone."""
    if future.done():
        return
    if isinstance(outcome, Exception):
        future.set_exception(outcome)
        future.exception()  # asyncio would log it for a caller that was refused before it came to await this
    else:
        future.set_result(outcome)


def _pass_on(future: asyncio.Future[V], outcome: asyncio.Future[V]) -> None:
    """Give a future the outcome of another one that is done."""
    if outcome.cancelled():
        future.cancel()
    elif isinstance(error := outcome.exception(), Exception):
        settle(future, error)
    else:
        settle(future, outcome.result())
