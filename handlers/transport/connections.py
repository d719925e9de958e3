"""Open connections: the time limits of their clients, and a loop that polls them with fewer system calls."""

import asyncio
import math
import time
from typing import Any

from tornado.iostream import IOStream
from tornado.platform.asyncio import AsyncIOMainLoop, BaseAsyncIOLoop

_INTERVAL_S = 1


class Deadlines:
    """Closes the connections of late clients, within a second. No request needs a timer of its own."""

    def __init__(self) -> None:
        self._by_stream: dict[IOStream, float] = {}

    def expect(self, stream: IOStream, seconds: float) -> None:
        """Give the client so much time from now on. It replaces an earlier limit."""
        if not self._by_stream:  # then no check is scheduled
            asyncio.get_running_loop().call_later(_INTERVAL_S, self._check)
        self._by_stream[stream] = time.monotonic() + seconds

    def expect_nothing(self, stream: IOStream) -> None:
        """Set no limit while the server works on the request."""
        # The connection may be closed and removed: Tornado serves a request that it has buffered all the same.
        self.expect(stream, math.inf)

    def close_all(self) -> None:
        """Close every connection, in one iteration of the loop: no request can begin in between."""
        for stream in list(self._by_stream):
            stream.close()

    def _check(self) -> None:
        loop = asyncio.get_running_loop()
        now = time.monotonic()
        for stream, deadline in self._by_stream.items():
            if deadline <= now:
                loop.call_soon(stream.close)  # an error in one close does not keep the others from theirs
        self._by_stream = {stream: deadline for stream, deadline in self._by_stream.items() if not stream.closed()}
        if self._by_stream:
            loop.call_later(_INTERVAL_S, self._check)


class SteadyLoop(BaseAsyncIOLoop):
    """Keeps a connection registered for reads while its request is read and served.

    Tornado removes it while something is left in its buffer, and adds it again to notice a client that leaves. That
    costs two system calls with epoll, and six or more with libuv, which closes its handle when a socket is removed.
    The bytes that a client sends meanwhile wait in Tornado's buffer, up to its limit, and not in the socket's.
    """

    def update_handler(self, fd: Any, events: int) -> None:
        number, _ = self.split_fd(fd)
        super().update_handler(fd, events | self.READ if number in self.readers else events)


class SteadyMainLoop(SteadyLoop, AsyncIOMainLoop):
    """The loop of a process, created before anything asks for Tornado's current loop."""
