"""The requests that a process works on: a bounded number, and each has a deadline.

One timer looks at all of them. A timer for each request would cost more than most requests wait.
"""

import asyncio
import time
from collections import Counter

import structlog

from handlers.transport.handler import DirectHandler
from services.deadline import Deadline
from services.errors import Code, ServiceError, unavailable

log = structlog.get_logger()

_CHECK_INTERVAL_S = 0.05
# What waits for a store ends at the deadline by itself, with an error that names the store. This is for the rest.
_GRACE_S = 0.05
_LATE_S = 0.1


class DeadlinePassed(ServiceError):
    """The request has not been served in time."""

    def __init__(self) -> None:
        super().__init__(Code.UNAVAILABLE, "not served in time", retry_after=1)


class Work:
    """The handlers that run. `deadline` is in seconds. At most `max_of_user` of them serve one user."""

    def __init__(self, *, deadline: float, max_of_user: int) -> None:
        self._deadline = deadline
        self._max_of_user = max_of_user
        self._running: dict[asyncio.Task[None], DirectHandler] = {}
        self._of_user: Counter[str] = Counter()
        self._checking = False
        self._due = 0.0  # the next check

    def __len__(self) -> int:
        return len(self._running)

    def start(self, handler: DirectHandler) -> None:
        """Run a handler."""
        handler.deadline = Deadline(time.monotonic() + self._deadline)
        handler.task = task = asyncio.create_task(handler.run())
        self._running[task] = handler
        task.add_done_callback(self._end)
        if not self._checking:
            self._checking = True
            self._check_later()

    def claim(self, handler: DirectHandler, userid: str) -> None:
        """Count the handler as the user's. Raises UNAVAILABLE when too many are."""
        if self._of_user[userid] >= self._max_of_user:
            raise unavailable("too many requests of this user at once")
        self._of_user[userid] += 1
        handler.claimed_by = userid

    def _end(self, task: asyncio.Task[None]) -> None:
        userid = self._running.pop(task).claimed_by
        if userid:
            self._of_user[userid] -= 1
            if not self._of_user[userid]:
                del self._of_user[userid]

    def _check_later(self) -> None:
        self._due = time.monotonic() + _CHECK_INTERVAL_S
        asyncio.get_running_loop().call_later(_CHECK_INTERVAL_S, self._check)

    def _check(self) -> None:
        now = time.monotonic()
        if now - self._due < _LATE_S:  # after a pause of the loop, what has arrived meanwhile comes first
            for handler in [late for late in self._running.values() if late.deadline.at + _GRACE_S < now]:
                handler.give_up(DeadlinePassed())
        self._checking = bool(self._running)
        if self._checking:
            self._check_later()
