"""The open connections of a process, the time limits of their clients, and a drain that loses no request."""

import asyncio
from contextlib import suppress
from typing import Protocol

import structlog

log = structlog.get_logger()

_CHECK_INTERVAL_S = 1
# A drain waits until nothing has been in flight for so long: clients still send on the connections that they hold.
_QUIET_S = 0.3
_POLL_S = 0.02
_CLOSE_TIMEOUT_S = 1  # for the transports to close


class Connection(Protocol):
    """A connection of a client."""

    deadline: float
    """The time of the loop until which the client may take; infinite while the server works."""

    @property
    def in_flight(self) -> bool:
        """True from the arrival of a request's headers until its answer is sent."""

    def close(self) -> None:
        """Close when everything written is sent."""

    def abort(self) -> None:
        """Close at once."""


class Connections:
    """All connections of a process. A late client is cut off within a second; no request needs a timer of its own."""

    def __init__(self) -> None:
        self._open: set[Connection] = set()

    def add(self, connection: Connection) -> None:
        """Watch a connection."""
        if not self._open:  # then no check is scheduled
            asyncio.get_running_loop().call_later(_CHECK_INTERVAL_S, self._check)
        self._open.add(connection)

    def discard(self, connection: Connection) -> None:
        """Forget a closed connection."""
        self._open.discard(connection)

    @property
    def in_flight(self) -> int:
        """The number of connections with requests in flight."""
        return sum(connection.in_flight for connection in self._open)

    async def drain(self, timeout: float) -> None:
        """Wait until nothing is in flight, or for `timeout` seconds; then close every connection."""
        await self._quiet(timeout)
        if in_flight := self.in_flight:
            log.warning("requests cut off", count=in_flight)
        for connection in list(self._open):
            connection.close()
        with suppress(TimeoutError):
            async with asyncio.timeout(_CLOSE_TIMEOUT_S):
                while len(self._open) > self.in_flight:
                    await asyncio.sleep(0.001)
        for connection in list(self._open):
            connection.abort()

    async def _quiet(self, timeout: float) -> None:
        """Return when no request has been in flight for a moment, or after `timeout` seconds."""
        loop = asyncio.get_running_loop()
        busy = loop.time()
        deadline = busy + timeout
        while loop.time() < min(busy + _QUIET_S, deadline):
            await asyncio.sleep(_POLL_S)
            if self.in_flight:
                busy = loop.time()

    def _check(self) -> None:
        loop = asyncio.get_running_loop()
        now = loop.time()
        for connection in [late for late in self._open if late.deadline <= now]:
            connection.abort()
        if self._open:
            loop.call_later(_CHECK_INTERVAL_S, self._check)
