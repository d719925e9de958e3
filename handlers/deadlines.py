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
        if not self._of:
            asyncio.get_running_loop().call_later(_LOOK_SECONDS, self._look)
        self._of[stream] = time.monotonic() + seconds

    def expect_nothing(self, stream: IOStream) -> None:
        """It is the server's turn."""
        self._of[stream] = math.inf

    def _look(self) -> None:
        now = time.monotonic()
        for stream in [stream for stream, deadline in self._of.items() if deadline <= now]:
            stream.close()
        self._of = {stream: deadline for stream, deadline in self._of.items() if not stream.closed()}
        if self._of:
            asyncio.get_running_loop().call_later(_LOOK_SECONDS, self._look)
