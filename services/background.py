"""Work that goes on while nobody awaits it."""

import asyncio
import contextvars
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from typing import Any

from models.deadline import begin


@asynccontextmanager
async def meanwhile(*works: Coroutine[Any, Any, None]) -> AsyncIterator[None]:
    """Run coroutines for the duration of the block. Its end interrupts them at once."""
    tasks = [asyncio.create_task(work) for work in works]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


class Background:
    """Tasks that are kept until they end: the event loop alone holds them only weakly (asyncio.create_task).

    Its length is the number of tasks that run.
    """

    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[None]] = set()

    def start(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """Run a coroutine, which handles its own errors. The deadline of the request that starts it is not its own."""
        context = contextvars.copy_context()
        context.run(begin, None)
        task = asyncio.create_task(work, context=context)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def wait(self) -> None:
        """Return when no task runs."""
        if self._tasks:
            await asyncio.wait(self._tasks)

    async def cancel(self) -> None:
        """Interrupt all tasks, and return when they have ended."""
        for task in self._tasks:
            task.cancel()
        await self.wait()

    def __len__(self) -> int:
        return len(self._tasks)
