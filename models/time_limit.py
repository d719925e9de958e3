"""A time limit for an answer of a store."""

import asyncio
from types import TracebackType

# From a timer that fires late on, it takes so many callbacks of the loop until it has read the data that arrived in
# time, and the task that waits for them has run.
_CALLBACKS = 3


class TimeLimit:
    """As `asyncio.timeout`, but an answer that has arrived counts although the event loop comes late to see it.

    The loop runs its timers before the tasks whose data has come. After a pause as long as the limit, `asyncio.timeout`
    would give up answers that lie in the socket. Raises TimeoutError at the end of the block.
    """

    __slots__ = ("_cancelling", "_expired", "_handle", "_left", "_seconds", "_task")

    def __init__(self, seconds: float) -> None:
        self._seconds = max(seconds, 0)
        self._left = _CALLBACKS
        self._expired = False

    def __enter__(self) -> None:
        loop = asyncio.get_running_loop()
        task = asyncio.current_task(loop)
        assert task is not None
        self._task = task
        self._cancelling = task.cancelling()
        self._handle: asyncio.Handle = loop.call_later(self._seconds, self._expire)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._handle.cancel()
        if self._expired and self._task.uncancel() <= self._cancelling and kind is asyncio.CancelledError:
            raise TimeoutError from error

    def _expire(self) -> None:
        if self._left:
            self._left -= 1
            self._handle = asyncio.get_running_loop().call_soon(self._expire)
        else:
            self._expired = True
            self._task.cancel()
