"""The open connections of a process, the time limits of their clients, and a drain that loses no request."""

import asyncio
import math
import time
from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import cast

import structlog

from handlers.transport.request import Peer
from handlers.transport.unread import Unread
from handlers.transport.writer import Writer
from services.metrics.catalogue import PHASES

log = structlog.get_logger()

_CHECK_INTERVAL_S = 1
# A drain waits until nothing has been in flight for so long: clients still send on the connections that they hold.
_QUIET_S = 0.3
_POLL_S = 0.02
_CLOSE_TIMEOUT_S = 1  # for the transports to close
_LINGER_S = 5  # for a client to close its half after ours


class Connection(asyncio.Protocol):
    """The transport of a client: its time limit, its pauses and its end. A subclass speaks the protocol."""

    in_flight: bool
    """True from the arrival of a request's headers until its answer is sent."""
    phase: str
    """What the connection waits for, one of PHASES: "headers" or a "body" from the client, to be "served", for the
    "answer" to be read, or for the client's end of a "closing" connection."""

    def __init__(self, connections: "Connections") -> None:
        self._connections = connections
        self._reading = True
        self._half_closed = False  # by the client: it sends no more, and may still read
        self._closing = False
        self._lost = False
        self._close_callback: Callable[[], None] | None = None
        self.on_lost: Callable[[], None] = lambda: None
        """Called when the transport is gone, though a handler may still run."""
        self.deadline = math.inf
        """The time of `time.monotonic` until which the client may take; infinite while the server works."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._tls = transport.get_extra_info("sslcontext") is not None
        self._writer = Writer(self._transport, tls=self._tls)
        # `pause_writing` tells of everything that is left unsent. Not 0: under TLS an empty buffer would be over it.
        self._transport.set_write_buffer_limits(high=1, low=0)
        address = transport.get_extra_info("peername")
        self.context = Peer(address[0] if address else "", "https" if self._tls else "http")
        self._connections.add(self)

    def pause_writing(self) -> None:
        self._writer.pause()

    def resume_writing(self) -> None:
        self._writer.resume()
        if self._writer.is_empty:
            self._connections.unread.discard(self)

    def connection_lost(self, error: Exception | None) -> None:
        self._lost = self._closing = True
        self._expect(math.inf)
        self._connections.unread.discard(self)
        self._writer.close()
        self.on_lost()
        if self._close_callback is not None:
            self._close_callback()

    def set_close_callback(self, callback: Callable[[], None] | None) -> None:
        """Call back when the client leaves. RequestHandler asks every connection for it."""
        self._close_callback = callback

    def close(self) -> None:
        """Close when the transport has sent what it holds."""
        self._closing = True
        self._transport.close()

    def abort(self) -> None:
        """Close at once."""
        self._closing = True
        self._transport.abort()

    def _close_gently(self) -> None:
        """Close our half, then wait for the client's: a reset by its late bytes would cost it the answer."""
        self._closing = True
        if self._half_closed or not self._transport.can_write_eof() or self._transport.is_closing():
            self._transport.close()
        else:
            self._transport.write_eof()
            self._resume_reading()
        self._expect(_LINGER_S)

    def _pause_reading(self) -> None:
        if self._reading:
            self._reading = False
            self._transport.pause_reading()

    def _resume_reading(self) -> None:
        if not self._reading:
            self._reading = True
            self._transport.resume_reading()

    def _expect(self, seconds: float) -> None:
        """Give the client so much time from now on."""
        self.deadline = time.monotonic() + seconds


class Connections:
    """All connections of a process. A late client is cut off within a second; no request needs a timer of its own."""

    def __init__(self) -> None:
        self._open: set[Connection] = set()
        self._checking = False
        self.late: Counter[str] = Counter()
        """How many clients were cut off, by the phase of their connection."""
        self.unread: Unread[Connection] = Unread()
        """The long answers that are not read yet."""

    def by_phase(self) -> Mapping[str, int]:
        """The number of open connections in each phase."""
        return dict.fromkeys(PHASES, 0) | Counter(connection.phase for connection in self._open)

    def add(self, connection: Connection) -> None:
        """Watch a connection."""
        if not self._checking:
            self._checking = True
            asyncio.get_running_loop().call_later(_CHECK_INTERVAL_S, self._check)
        self._open.add(connection)

    def discard(self, connection: Connection) -> None:
        """Forget a closed connection."""
        self._open.discard(connection)

    def wait_for_reader(self, connection: Connection, answer: bytes) -> None:
        """Keep the rest of a long answer until it is read. Who reads too slowly for the memory of all is cut off."""
        self.unread.add(connection, answer)
        for slowest in self.unread.pop_excess():
            self._cut_off(slowest)

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
        now = time.monotonic()
        for connection in [late for late in self._open if late.deadline <= now]:
            self._cut_off(connection)
        self._checking = bool(self._open)
        if self._checking:
            asyncio.get_running_loop().call_later(_CHECK_INTERVAL_S, self._check)

    def _cut_off(self, connection: Connection) -> None:
        self.late[connection.phase] += 1
        connection.abort()
