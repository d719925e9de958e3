"""The requests that a process works on: a bounded number, and each has a deadline.

One timer looks at all of them. A timer for each request would cost more than most requests wait.
"""

import asyncio
import time

import structlog

from handlers.transport.handler import DirectHandler
from services.deadline import Deadline, begin
from services.errors import Code, ServiceError, unavailable

log = structlog.get_logger()

_CHECKS = 20  # in the time of one request


class DeadlinePassed(ServiceError):
    """The request has not been served in time."""

    def __init__(self) -> None:
        super().__init__(Code.UNAVAILABLE, "not served in time", retry_after=1, reason="deadline")


class Work:
    """The handlers that run. `deadline` is in seconds. At most `max_of_user` of them serve one user."""

    def __init__(self, *, deadline: float, max_of_user: int) -> None:
        self._deadline = deadline
        self._interval = deadline / _CHECKS
        self._max_of_user = max_of_user
        self._running: set[DirectHandler] = set()
        self._of_user: dict[str, int] = {}
        self._checking = False
        self._due = 0.0  # the next check
        self._loop = asyncio.get_running_loop()  # asked for once: in Python 3.11 that is a system call
        self._passed_over = False  # the last check

    def __len__(self) -> int:
        return len(self._running)

    def start(self, handler: DirectHandler) -> None:
        """Run a handler."""
        handler.deadline = Deadline(time.monotonic() + self._deadline)
        self._running.add(handler)
        handler.task = self._loop.create_task(self._run(handler))
        if not self._checking:
            self._checking = True
            self._check_later()

    def claim(self, handler: DirectHandler, userid: str) -> None:
        """Count the handler as the user's. Raises UNAVAILABLE when too many are."""
        count = self._of_user.get(userid, 0)
        if count >= self._max_of_user:
            raise unavailable("too many requests of this user at once", "max_requests_per_user")
        self._of_user[userid] = count + 1
        handler.claimed_by = userid

    async def _run(self, handler: DirectHandler) -> None:
        begin(handler.deadline)
        try:
            await handler.run()
        finally:
            self._end(handler)

    def _end(self, handler: DirectHandler) -> None:
        self._running.discard(handler)
        if userid := handler.claimed_by:
            if self._of_user[userid] > 1:
                self._of_user[userid] -= 1
            else:
                del self._of_user[userid]

    def _check_later(self) -> None:
        self._due = time.monotonic() + self._interval
        self._loop.call_later(self._interval, self._check)

    def _check(self) -> None:
        now = time.monotonic()
        # After a pause of the loop, what has arrived meanwhile comes first. Only once: a busy loop is late every time.
        self._passed_over = now - self._due >= self._interval and not self._passed_over
        if not self._passed_over:
            # What waits for a store ends at the deadline by itself, with an error that names the store.
            for handler in [late for late in self._running if late.deadline.at + self._interval < now]:
                handler.give_up(DeadlinePassed())
        self._checking = bool(self._running)
        if self._checking:
            self._check_later()
