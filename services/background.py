"""Work that goes on while nobody awaits it."""

import asyncio
from collections.abc import Coroutine
from typing import Any


class Background:
    """Tasks that are kept until they end: the event loop alone holds them only weakly (asyncio.create_task).

    Its length is the number of tasks that run.
    """

    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[None]] = set()

    def start(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """Run a coroutine, which handles its own errors."""
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def wait(self) -> None:
        """Return when no task runs."""
        if self._tasks:
            await asyncio.wait(self._tasks)

    def __len__(self) -> int:
        return len(self._tasks)
