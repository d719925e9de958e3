"""Requests and answers as bytes, over connections of which the fuzzer decides every piece and the end."""

import json
import re
import socket
import ssl
import time
from contextlib import suppress
from enum import Enum
from typing import Any, NamedTuple

HANG_S = 5
"""An answer that takes longer is a hang."""
_SILENCE_S = 0.3
_HEAD = re.compile(rb"HTTP/1\.1 (\d{3}) [^\r\n]*\r\n((?:[^\r\n]+\r\n)*)\r\n")
_LENGTH = re.compile(rb"^content-length: (\d+)\r$", re.IGNORECASE | re.MULTILINE)
_REQUEST_ID = re.compile(rb"^x-request-id: (\S+)\r$", re.IGNORECASE | re.MULTILINE)
_FROM_PROXY = re.compile(rb"^server: ", re.IGNORECASE | re.MULTILINE)


class Hang(Exception):
    """The server was silent for HANG_S."""


class Ending(Enum):
    """The behaviour of a client that has sent everything."""

    HALF_CLOSE = "says that it sends no more, and reads until the server closes"
    SILENCE = "reads until the server falls silent"
    RESET = "resets the connection"


class Address(NamedTuple):
    """Of a server; `context` for TLS."""

    host: str
    port: int
    context: ssl.SSLContext | None = None

    def connect(self) -> socket.socket:
        """A new connection."""
        connection = socket.create_connection((self.host, self.port), timeout=HANG_S)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return self.context.wrap_socket(connection, server_hostname=self.host) if self.context else connection


class Request(NamedTuple):
    """A well-formed request."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes

    def bytes(self, host: str) -> bytes:
        """As it goes over a connection."""
        fields = {"Host": host, **self.headers, "Content-Length": str(len(self.body))}
        head = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
        return f"{self.method} {self.path} HTTP/1.1\r\n{head}\r\n".encode("latin-1") + self.body


class Answer(NamedTuple):
    """`code` is that of the envelope; None without one."""

    status: int
    code: int | None
    data: Any
    request_id: str
    from_proxy: bool
    """True when a Server header says that a proxy has passed it on: our server sends none."""

    @property
    def accepted(self) -> bool:
        """True unless it is a refusal. A callback says 0."""
        return self.code in (0, 200)


class Client:
    """One connection that is kept, for well-formed requests."""

    def __init__(self, address: Address) -> None:
        self.address = address
        self._connection: socket.socket | None = None

    def send(self, request: Request) -> Answer:
        """The answer. Raises Hang, or OSError when there is none."""
        kept = self._connection is not None
        try:
            return self._send(request)
        except TimeoutError:
            self.close()
            raise Hang from None
        except OSError:
            self.close()
            if not kept:
                raise
        return self._send(request)  # the server had closed the connection that was kept

    def _send(self, request: Request) -> Answer:
        if self._connection is None:
            self._connection = self.address.connect()
        self._connection.sendall(request.bytes(f"{self.address.host}:{self.address.port}"))
        received = bytearray()
        while not (found := _HEAD.match(received)) or len(received) < found.end() + length(found):
            if not (data := self._connection.recv(1 << 18)):
                raise ConnectionError("the connection was closed without an answer")
            received += data
        if b"connection: close" in found[2].lower():
            self.close()
        return parse(found, bytes(received[found.end() :]))

    def close(self) -> None:
        """Close the connection."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None


def send_raw(address: Address, pieces: list[bytes], ending: Ending) -> list[Answer]:
    """Send pieces, end as told, and return all answers. Raises Hang when the server does not close in time."""
    connection = address.connect()
    with connection:
        if ending is Ending.SILENCE:
            connection.settimeout(_SILENCE_S)
        with suppress(OSError):  # the server may close, or stop reading, before it has read everything
            for piece in pieces:
                connection.sendall(piece)
        if ending is Ending.RESET:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
            return []
        if ending is Ending.HALF_CLOSE:
            with suppress(OSError):
                connection.shutdown(socket.SHUT_WR)
        return parse_all(read_to_the_end(connection, ending))


def read_to_the_end(connection: socket.socket, ending: Ending) -> bytes:
    """Everything that comes. Raises Hang when the server neither answers nor closes in time."""
    received = bytearray()
    deadline = time.monotonic() + HANG_S
    try:
        while data := connection.recv(1 << 18):
            received += data
            left = max(0.001, deadline - time.monotonic())
            connection.settimeout(min(left, _SILENCE_S) if ending is Ending.SILENCE else left)
    except TimeoutError:
        if ending is Ending.HALF_CLOSE:
            raise Hang from None
    except (ConnectionError, ssl.SSLError):
        pass
    return bytes(received)


def parse_all(received: bytes) -> list[Answer]:
    """The answers on a connection. No body looks like a head: JSON has no line ends of its own."""
    heads = list(_HEAD.finditer(received))
    ends = [*(head.start() for head in heads[1:]), len(received)]
    return [parse(head, received[head.end() : end]) for head, end in zip(heads, ends, strict=False)]


def length(head: "re.Match[bytes]") -> int:
    """The length of a body."""
    found = _LENGTH.search(head[2])
    return int(found[1]) if found else 0


def parse(head: "re.Match[bytes]", body: bytes) -> Answer:
    """An answer of its head and its body."""
    try:
        envelope = json.loads(body)
        code, data = envelope["code"], envelope.get("data")
    except (ValueError, TypeError, KeyError):
        code, data = None, None
    found = _REQUEST_ID.search(head[2])
    return Answer(int(head[1]), code, data, found[1].decode() if found else "", bool(_FROM_PROXY.search(head[2])))
