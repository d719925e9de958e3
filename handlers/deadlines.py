"""Time limits for clients, without a timer for each request: once a second all connections are looked at."""

import asyncio
import math
import time

from tornado.iostream import IOStream

_LOOK_SECONDS = 1


class Deadlines:
    """Disconnects the clients who are late, within a second."""

    def __init__(self) -> None:
        self._of: dict[IOStream, float] = {}

    def expect(self, stream: IOStream, seconds: float) -> None:
        """The client has so much time from now on, instead of what it had before."""
        if not self._of:  # then no look is to come
            asyncio.get_running_loop().call_later(_LOOK_SECONDS, self._look)
        self._of[stream] = time.monotonic() + seconds

    def expect_nothing(self, stream: IOStream) -> None:
        """It is the server's turn."""
        # Perhaps of a connection that is closed and forgotten: Tornado serves what it has buffered all the same.
        self.expect(stream, math.inf)

    def _look(self) -> None:
        loop = asyncio.get_running_loop()
        now = time.monotonic()
        for stream, deadline in self._of.items():
            if deadline <= now:
                loop.call_soon(stream.close)  # if one fails, the others are closed all the same
        self._of = {stream: deadline for stream, deadline in self._of.items() if not stream.closed()}
        if self._of:
            loop.call_later(_LOOK_SECONDS, self._look)
