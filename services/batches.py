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
    for its questioner alone, an exception of the call for all. `most` bounds a batch; 1 turns coalescing off.
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
        call = asyncio.create_task(self._call(batch))
        self._calls.add(call)
        call.add_done_callback(self._done)

    def _done(self, call: asyncio.Task[None]) -> None:
        self._calls.discard(call)
        if self._waiting:
            asyncio.get_running_loop().call_soon(self._send)

    async def _call(self, batch: list[tuple[K, asyncio.Future[V]]]) -> None:
        answers: Sequence[V | Exception]
        try:
            answers = await self._fetch([question for question, _ in batch])
        except Exception as error:
            answers = [error] * len(batch)
        for (_, future), answer in zip(batch, answers, strict=True):
            settle(future, answer)


def settle(future: asyncio.Future[V], outcome: V | Exception) -> None:
    """Give a future its result or its exception, unless whoever waited for it is gone."""
    if future.done():
        return
    if isinstance(outcome, Exception):
        future.set_exception(outcome)
    else:
        future.set_result(outcome)
