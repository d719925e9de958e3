"""A time limit for an answer of a store."""

import asyncio
from types import TracebackType

# A timer that fires late, data that arrived in time, and the task that waits for the data: it takes that many callbacks
# of the loop until the task runs.
_CALLBACKS = 2


class TimeLimit:
    """As `asyncio.timeout`, but an answer that has arrived counts although the event loop comes late to see it.

    The loop runs its timers before the tasks whose data has come. After a pause as long as the limit, `asyncio.timeout`
    would give up answers that lie in the socket.
    """

    def __init__(self, seconds: float) -> None:
        self._seconds = max(seconds, 0)
        self._left = _CALLBACKS

    async def __aenter__(self) -> None:
        self._timeout = asyncio.timeout(None)
        await self._timeout.__aenter__()
        self._handle: asyncio.Handle = asyncio.get_running_loop().call_later(self._seconds, self._expire)

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._handle.cancel()
        await self._timeout.__aexit__(kind, error, traceback)

    def _expire(self) -> None:
        loop = asyncio.get_running_loop()
        if self._left:
            self._left -= 1
            self._handle = loop.call_soon(self._expire)
        else:
            self._timeout.reschedule(loop.time())
