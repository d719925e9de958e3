"""Coalescing: what is asked for at the same time travels to a store together.

Hundreds of requests are in progress at a time, and most of what a look-up costs is paid per call and not per key.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Generic, TypeVar

K = TypeVar("K")
V = TypeVar("V")


class Batches(Generic[K, V]):
    """Calls `fetch` with the questions of one turn of the loop, and gives everyone the answer to their own.

    One call is under way at a time: the more is asked meanwhile, the bigger the next batch.

    `fetch` returns as many answers as it gets questions, in their order; an answer that is an exception is raised
    for its questioner alone, an exception of the call for all who were there when the call began: nobody waits for more
    than two calls that fail. `most` bounds a batch; 1 turns coalescing off.
    """

    def __init__(self, fetch: Callable[[list[K]], Awaitable[Sequence[V | Exception]]], *, most: int) -> None:
        self._fetch = fetch
        self._most = most
        self._waiting: list[tuple[K, asyncio.Future[V]]] = []
        self._calls: set[asyncio.Task[None]] = set()  # the loop alone would let them be collected

    def ask(self, question: K) -> asyncio.Future[V]:
        """The answer to come."""
        loop = asyncio.get_running_loop()
        future: asyncio.Future[V] = loop.create_future()
        self._waiting.append((question, future))
        if self._most == 1:
            self._send()
        elif len(self._waiting) == 1 and not self._calls:
            loop.call_soon(self._send)
        return future

    def _send(self) -> None:
        batch, self._waiting = self._waiting[: self._most], self._waiting[self._most :]
        call = asyncio.create_task(self._call(batch, len(self._waiting)))
        self._calls.add(call)
        call.add_done_callback(self._done)

    def _done(self, call: asyncio.Task[None]) -> None:
        self._calls.discard(call)
        if self._waiting:
            asyncio.get_running_loop().call_soon(self._send)

    async def _call(self, batch: list[tuple[K, asyncio.Future[V]]], behind: int) -> None:
        """Serve a batch; `behind` it were that many when it was sent."""
        try:
            answers = await self._fetch([question for question, _ in batch])
            outcomes = list(zip(batch, answers, strict=True))
        except Exception as error:
            failed, self._waiting = batch + self._waiting[:behind], self._waiting[behind:]
            outcomes = [(asked, error) for asked in failed]
        for (_, future), outcome in outcomes:
            settle(future, outcome)


def settle(future: asyncio.Future[V], outcome: V | Exception) -> None:
    """Give a future its result or its exception, unless whoever waited for it is gone."""
    if future.done():
        return
    if isinstance(outcome, Exception):
        future.set_exception(outcome)
    else:
        future.set_result(outcome)
