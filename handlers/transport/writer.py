"""Output to a client, at the pace at which it reads."""

import asyncio
from typing import cast

from tornado.iostream import StreamClosedError

_PART_BYTES = 128 * 1024
_TLS_PART_BYTES = 8 * 1024  # up to 64 KiB more wait encrypted, where nobody can bound them


class Writer:
    """Gives data to a transport part by part. A slow reader holds a part of an answer in memory, not a copy of it.

    The transport calls `pause` when it could not send everything, and `resume` once it has.
    """

    def __init__(self, transport: asyncio.Transport, *, tls: bool) -> None:
        self._transport = transport
        self._part_bytes = _TLS_PART_BYTES if tls else _PART_BYTES
        self._waiting: list[memoryview] = []
        self._paused = False
        self._closed = False
        self._sent: asyncio.Future[None] | None = None
        self._nothing_waits: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._nothing_waits.set_result(None)  # one for all answers that are sent at once

    @property
    def is_empty(self) -> bool:
        """True when everything is sent. Under TLS, the last 64 KiB may still be in the socket's own buffer."""
        return not (self._waiting or self._paused)

    @property
    def rest(self) -> bytes | None:
        """The long answer of which parts are left: it stays in memory whole. None when the transport has the rest."""
        return cast(bytes, self._waiting[-1].obj) if self._waiting else None

    def write(self, head: bytes, body: bytes = b"") -> None:
        """Send the data after those before them. A long body is not copied."""
        if self._closed:
            return
        if self.is_empty and len(body) <= self._part_bytes:
            self._transport.write(head + body)
        else:
            self._waiting += filter(None, (memoryview(head), memoryview(body)))
            self._send()

    def pause(self) -> None:
        """The transport is full."""
        self._paused = True

    def resume(self) -> None:
        """The transport is empty."""
        self._paused = False
        self._send()

    def sent(self) -> asyncio.Future[None]:
        """A future that is done once everything is sent. It raises StreamClosedError when the client leaves before."""
        if self.is_empty and not self._closed:
            return self._nothing_waits
        future = self._sent or asyncio.get_running_loop().create_future()
        if self._closed:
            _fail(future)
        else:
            self._sent = future
        return future

    def close(self) -> None:
        """Drop what is not sent: the connection is lost."""
        self._closed = True
        self._paused = False
        self._waiting.clear()
        if self._sent is not None:
            _fail(self._sent)
            self._sent = None

    def _send(self) -> None:
        while self._waiting and not self._paused:
            data = self._waiting.pop(0)
            if len(data) > self._part_bytes:
                self._waiting.insert(0, data[self._part_bytes :])
            self._transport.write(data[: self._part_bytes])
        if self.is_empty and self._sent is not None:
            self._sent.set_result(None)
            self._sent = None


def _fail(future: asyncio.Future[None]) -> None:
    future.set_exception(StreamClosedError())
    future.exception()  # nobody has to ask for it
