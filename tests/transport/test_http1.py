"""Connections of our own: answers, their ends, and clients that behave badly."""

import asyncio
import socket
import struct
from collections.abc import Callable
from typing import Any

import pytest
from tornado.httputil import (
    HTTPConnection,
    HTTPHeaders,
    HTTPMessageDelegate,
    HTTPOutputError,
    RequestStartLine,
    ResponseStartLine,
)
from tornado.iostream import StreamClosedError
from tornado.testing import bind_unused_port

from handlers.transport import http1
from handlers.transport.connections import Connections
from handlers.transport.headers import Headers
from handlers.transport.http1 import Http1Connection

REQUEST = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"
LONG = 8 * 2**20  # bytes, more than the sockets buffer
Serve = Callable[[Http1Connection], Any]


class Stub(HTTPMessageDelegate):
    """An application whose requests are answered by a function of the test."""

    draining = False

    def __init__(self, serve: Serve) -> None:
        self.serve = serve
        self.left = 0
        self.connection: Any = None

    def start_request(self, server_conn: object, request_conn: HTTPConnection) -> HTTPMessageDelegate:
        self.connection = request_conn
        return self

    def headers_received(self, start_line: object, headers: HTTPHeaders) -> None:
        assert isinstance(start_line, RequestStartLine)
        if start_line.path == "/bug":
            raise RuntimeError("a bug")

    def finish(self) -> None:
        self.serve(self.connection)

    def on_connection_close(self) -> None:
        self.left += 1


class Client:
    """A stub behind a connection."""

    def __init__(self, serve: Serve) -> None:
        self.application = Stub(serve)
        self.connections = Connections()

    async def __aenter__(self) -> "Client":
        sock, port = bind_unused_port()
        self.server = await asyncio.get_running_loop().create_server(
            lambda: Http1Connection(self.application, self.connections),  # type: ignore[arg-type]
            sock=sock,
        )
        connection = socket.create_connection(("127.0.0.1", port))
        self.reader, self.writer = await asyncio.open_connection(sock=connection)
        return self

    async def __aexit__(self, *_: object) -> None:
        self.writer.close()
        self.server.close()
        await self.connections.drain(0)

    async def send(self, data: bytes) -> None:
        """Send, and wait until the server has it."""
        self.writer.write(data)
        await self.writer.drain()

    async def all(self) -> bytes:
        """Everything until the server closes."""
        async with asyncio.timeout(10):
            return await self.reader.read()


def answer(connection: Http1Connection, body: bytes = b"hello", **fields: str) -> None:
    headers = Headers({"Content-Length": str(len(body)), **fields})
    connection.write_headers(ResponseStartLine("", 200, "OK"), headers, body)
    connection.finish()


def stream(connection: Http1Connection) -> None:
    connection.write_headers(ResponseStartLine("", 200, "OK"), Headers(), b"hello, ")
    connection.write(b"")
    connection.write(b"world")
    connection.finish()


@pytest.mark.gen_test
async def test_an_answer_without_a_length_is_chunked() -> None:
    async with Client(stream) as client:
        await client.send(REQUEST)
        head = await client.reader.readuntil(b"\r\n\r\n")
        assert head == b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
        chunks = b"7\r\nhello, \r\n5\r\nworld\r\n0\r\n\r\n"
        assert await client.reader.readexactly(len(chunks)) == chunks
        await client.send(REQUEST)
        assert await client.reader.readuntil(b"\r\n\r\n") == head


@pytest.mark.gen_test
async def test_an_answer_without_a_length_ends_with_a_connection_of_http_1_0() -> None:
    async with Client(stream) as client:
        await client.send(b"GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n")
        assert await client.all() == b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nhello, world"


@pytest.mark.gen_test
@pytest.mark.parametrize("body", [b"hell", b"hello!"])
async def test_an_answer_of_another_length_than_it_says_ends_its_connection(body: bytes) -> None:
    errors: list[HTTPOutputError] = []

    def serve(connection: Http1Connection) -> None:
        try:
            connection.write_headers(ResponseStartLine("", 200, "OK"), Headers({"Content-Length": "5"}), body)
            connection.finish()
        except HTTPOutputError as error:
            errors.append(error)

    async with Client(serve) as client:
        await client.send(REQUEST * 2)
        answers = await client.all()
        assert answers.count(b"HTTP/1.1") <= 1
        assert b"hello!" not in answers
        assert len(errors) == 1
        assert client.connections.in_flight == 0


@pytest.mark.gen_test
async def test_no_header_of_an_answer_can_hold_a_line_break() -> None:
    refused: list[str] = []

    def serve(connection: Http1Connection) -> None:
        for value in ("a\r\nB: c", "a\nB: c", "a\rB"):
            with pytest.raises(HTTPOutputError):
                answer(connection, X=value)
            refused.append(value)
        answer(connection)

    async with Client(serve) as client:
        await client.send(REQUEST)
        assert await client.reader.readuntil(b"hello") == b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"
        assert len(refused) == 3


@pytest.mark.gen_test
@pytest.mark.logs_errors
async def test_an_error_of_our_own_is_not_the_clients(logged: list[dict[str, Any]]) -> None:
    async with Client(answer) as client:
        await client.send(b"GET /bug HTTP/1.1\r\nHost: x\r\n\r\n")
        assert await client.all() == b""
        assert [event["event"] for event in logged if event["level"] == "error"] == ["request not read"]


@pytest.mark.gen_test
async def test_a_client_that_sends_no_more_gets_its_answers() -> None:
    async with Client(answer) as client:
        await client.send(REQUEST * 3)
        client.writer.write_eof()
        assert (await client.all()).count(b"hello") == 3


@pytest.mark.gen_test
async def test_half_a_request_and_its_end_end_the_connection() -> None:
    async with Client(answer) as client:
        await client.send(REQUEST + b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhel")
        client.writer.write_eof()
        assert (await client.all()).count(b"HTTP/1.1") == 1
        assert client.application.left == 1
        assert client.connections.in_flight == 0


@pytest.mark.gen_test
async def test_late_bytes_of_the_client_do_not_cost_it_the_last_answer() -> None:
    def serve(connection: Http1Connection) -> None:
        answer(connection, b"x" * LONG)

    async with Client(serve) as client:
        late = asyncio.ensure_future(
            client.send(REQUEST.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n") + bytes(LONG))
        )
        body = (await client.all()).partition(b"\r\n\r\n")[2]
        assert len(body) == LONG
        await late


@pytest.mark.gen_test
async def test_a_slow_reader_holds_a_part_of_its_answer() -> None:
    body = b"x" * LONG
    sent: list[asyncio.Future[None]] = []

    def serve(connection: Http1Connection) -> None:
        headers = Headers({"Content-Length": str(LONG)})
        sent.append(connection.write_headers(ResponseStartLine("", 200, "OK"), headers, body))
        connection.finish()

    async with Client(serve) as client:
        await client.send(REQUEST)
        await client.reader.readuntil(b"\r\n\r\n")
        transport = client.application.connection._transport
        assert 0 < transport.get_write_buffer_size() <= 128 * 1024
        assert client.connections.in_flight == 1
        assert not sent[0].done()
        assert await client.reader.readexactly(LONG) == body
        await sent[0]
        assert client.connections.in_flight == 0


@pytest.mark.gen_test
@pytest.mark.parametrize(("shared", "in_flight"), [(False, 2), (True, 5)])
async def test_answers_that_nobody_reads_have_a_bounded_memory(
    shared: bool, in_flight: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("handlers.transport.unread.MAX_UNREAD_BYTES", 2 * LONG)
    page = b"x" * LONG

    def serve(connection: Http1Connection) -> None:
        body = page if shared else bytes(bytearray(page))
        headers = Headers({"Content-Length": str(LONG)})
        connection.write_headers(ResponseStartLine("", 200, "OK"), headers)
        connection.write(body)
        connection.finish()

    async with Client(serve) as client:
        port = client.server.sockets[0].getsockname()[1]
        clients = [(client.reader, client.writer)]
        clients += [await asyncio.open_connection("127.0.0.1", port) for _ in range(4)]
        for reader, writer in clients:
            writer.write(REQUEST)
            await reader.readuntil(b"\r\n\r\n")
        assert client.connections.in_flight == in_flight
        assert client.connections.late["answer"] == 5 - in_flight
        reader, writer = clients[-1]
        assert await reader.readexactly(LONG) == page
        assert client.connections.unread.size_bytes == LONG
        for _, writer in clients:
            writer.transport.abort()
        async with asyncio.timeout(10):
            while client.connections.in_flight:
                await asyncio.sleep(0)
        assert client.connections.unread.size_bytes == 0


@pytest.mark.gen_test
async def test_what_cannot_be_sent_any_more_is_reported() -> None:
    connections: list[Http1Connection] = []
    async with Client(connections.append) as client:
        await client.send(REQUEST)
        while not connections:
            await asyncio.sleep(0)
        lingers = struct.pack("ii", 1, 0)  # a reset, where a FIN might mean that the client still reads
        client.writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, lingers)
        client.writer.transport.abort()
        while not connections[0]._lost:
            await asyncio.sleep(0)
        assert client.connections.in_flight == 1  # its handler still runs
        with pytest.raises(StreamClosedError):
            await connections[0].write_headers(ResponseStartLine("", 200, "OK"), Headers({"Content-Length": "0"}))
        connections[0].finish()
        assert client.connections.in_flight == 0


@pytest.mark.gen_test
async def test_a_client_that_keeps_its_half_open_is_cut_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("handlers.transport.connections._LINGER_S", 0.1)
    monkeypatch.setattr("handlers.transport.connections._CHECK_INTERVAL_S", 0.05)
    async with Client(answer) as client:
        await client.send(REQUEST.replace(b"1.1", b"1.0"))
        assert (await client.all()).endswith(b"hello")
        async with asyncio.timeout(10):
            while client.connections._open:
                await asyncio.sleep(0.01)


@pytest.mark.gen_test
async def test_the_pipeline_of_a_client_is_served_in_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    waiting: list[int] = []

    def serve(connection: Http1Connection) -> None:
        waiting.append(len(connection._ready))
        asyncio.get_running_loop().call_soon(answer, connection)

    async with Client(serve) as client:
        await client.send(REQUEST * 5000)
        for _ in range(5000):
            await client.reader.readuntil(b"hello")
        assert 0 < max(waiting) <= http1._PART_BYTES / len(REQUEST)


@pytest.mark.gen_test
async def test_the_time_limits_are_checked_once_an_interval(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("handlers.transport.connections._CHECK_INTERVAL_S", 0.1)
    checks: list[None] = []
    check = Connections._check

    def counted(connections: Connections) -> None:
        checks.append(None)
        check(connections)

    monkeypatch.setattr(Connections, "_check", counted)
    async with Client(answer) as client:
        (connection,) = await opened(client)
        for _ in range(20):
            client.connections.discard(connection)
            client.connections.add(connection)
        await asyncio.sleep(0.55)
        assert 1 <= len(checks) <= 6


async def opened(client: Client) -> set[Any]:
    """The connections of the server, as soon as there is one."""
    while not client.connections._open:
        await asyncio.sleep(0)
    return set(client.connections._open)


@pytest.mark.gen_test
@pytest.mark.logs_errors
async def test_a_request_that_cannot_be_served_ends_its_connection(logged: list[dict[str, Any]]) -> None:
    def serve(connection: Http1Connection) -> None:
        raise RuntimeError("a bug")

    async with Client(serve) as client:
        await client.send(REQUEST)
        assert await client.all() == b""
        assert client.connections.in_flight == 0
    assert [event["event"] for event in logged if event["level"] in ("error", "exception")] == ["request not served"]
