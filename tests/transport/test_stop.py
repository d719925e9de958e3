"""A stop finishes the requests in flight within a limited time."""

import asyncio
import json
import os
import signal
import socket
import ssl
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import ExitStack, asynccontextmanager, contextmanager, suppress
from pathlib import Path
from threading import Thread

import pytest
import trustme
from pymysql.cursors import Cursor
from tornado.iostream import IOStream, StreamClosedError
from tornado.tcpclient import TCPClient
from tornado.testing import bind_unused_port

from handlers.transport.application import MAX_BODY, Application
from handlers.transport.connections import Connections
from handlers.transport.listeners import listen
from handlers.transport.server import LlhttpEngine
from tests.harness.client import PASSWORD, Api, request
from tests.harness.main_process import PATIENCE, Server, certificate, reserved_port, running, wait_for
from tests.harness.stores import connect_mysql

pytestmark = pytest.mark.usefixtures("mysql", "store")

WAITING_UPDATE = "SELECT 1 FROM information_schema.processlist WHERE db = DATABASE() AND info LIKE 'UPDATE tb_acc%'"
BODY = b'{"userid": "alice", "password": "0123456789abcdef0123456789abcdef"}'
CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"


@pytest.fixture(autouse=True)
def frequent_looks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Check the deadlines more often than every second."""
    monkeypatch.setattr("handlers.transport.connections._CHECK_INTERVAL_S", 0.05)


@pytest.fixture
def connections(http_server: LlhttpEngine) -> Connections:
    """The open connections of the server under test."""
    return http_server.connections


def head(length: int | str, path: str = "/register", expect: str = "100-continue") -> bytes:
    """The headers of a POST; the server says "continue" when it has read them."""
    return f"POST {path} HTTP/1.1\r\nHost: x\r\nContent-Length: {length}\r\nExpect: {expect}\r\n\r\n".encode()


@contextmanager
def half_a_request(server: Server) -> Iterator[socket.socket]:
    """A connection on which the server has read the headers and is waiting for the rest of the body."""
    with socket.create_connection(("127.0.0.1", server.port), timeout=PATIENCE) as connection:
        connection.sendall(head(len(BODY)))
        assert connection.recv(len(CONTINUE), socket.MSG_WAITALL) == CONTINUE
        connection.sendall(BODY[:10])
        yield connection


def stop(server: Server) -> None:
    server.send(signal.SIGTERM)
    wait_for(lambda: any(line["event"] == "stopping" for line in server.log()))


def test_a_stop_waits_for_the_rest_of_a_body(tmp_path: Path) -> None:
    with running(tmp_path) as server, half_a_request(server) as connection:
        stop(server)
        connection.settimeout(0.5)
        with pytest.raises(TimeoutError):  # longer than a stop waits without requests in flight
            connection.recv(1)
        connection.settimeout(PATIENCE)
        connection.sendall(BODY[10:])
        answer = b"".join(iter(lambda: connection.recv(4096), b""))
        assert answer.startswith(b"HTTP/1.1 200 OK\r\n")
        assert answer.endswith(b'{"code":200,"message":"OK"}')
        assert server.exit_code() == 0


def test_a_body_that_never_ends_is_cut_off(tmp_path: Path) -> None:
    with running(tmp_path, "--http.drain_timeout", "0.2") as server, half_a_request(server) as connection:
        stop(server)
        assert connection.recv(1) == b""
        assert server.exit_code() == 0
        assert [line["count"] for line in server.log() if line["event"] == "requests cut off"] == [1]


def test_a_stop_does_not_wait_for_idle_connections(tmp_path: Path) -> None:
    with (
        running(tmp_path, "--http.drain_timeout", "3600") as server,
        socket.create_connection(("127.0.0.1", server.port), timeout=PATIENCE) as used,
        socket.create_connection(("127.0.0.1", server.port)),
        socket.create_connection(("127.0.0.1", server.port)) as beginning,
    ):
        used.sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
        assert used.recv(12, socket.MSG_WAITALL) == b"HTTP/1.1 200"
        beginning.sendall(b"POST /register HTTP/1.1\r\n")
        stop(server)
        assert server.exit_code() == 0


LONG_LIST = 500  # rows


def fill(mysql: Cursor) -> None:
    """Make a list that is longer than the buffers of a socket."""
    mysql.execute("INSERT INTO tb_account (userid, password) VALUES ('author', '')")
    text = "😀" * 1000
    mysql.executemany(
        "INSERT INTO tb_ugc (userid, file_id, title, frontcover, location, play_url) VALUES (%s, %s, '', %s, '', %s)",
        [("author", f"f{number}", text, text) for number in range(LONG_LIST)],
    )


def small_buffer(port: int) -> socket.socket:
    """A connection that takes a few KiB without being read."""
    connection = socket.socket()
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    connection.settimeout(PATIENCE)
    connection.connect(("127.0.0.1", port))
    return connection


@contextmanager
def unread(port: int, token: str) -> Iterator[socket.socket]:
    """A connection that has requested the long list and has not read it."""
    with small_buffer(port) as connection:
        connection.sendall(request("/get_ugc_list", {"count": LONG_LIST}, token))
        yield connection


def the_rest(connection: socket.socket) -> bytes:
    return b"".join(iter(lambda: connection.recv(2**20), b""))


def test_a_stop_waits_until_an_answer_is_read(tmp_path: Path, mysql: Cursor) -> None:
    with running(tmp_path) as server:
        login = {"userid": "alice", "password": PASSWORD}
        server.call("/register", login)
        token = server.call("/login", login)[1]["data"]["token"]
        fill(mysql)
        with unread(server.port, token) as connection:
            assert connection.recv(12, socket.MSG_WAITALL) == b"HTTP/1.1 200"
            stop(server)
            time.sleep(0.5)  # longer than a stop waits without requests in flight
            headers, _, body = the_rest(connection).partition(b"\r\n\r\n")
        assert f"Content-Length: {len(body)}".encode() in headers
        assert len(json.loads(body)["data"]["list"]) == LONG_LIST
        assert server.exit_code() == 0
        assert not [line for line in server.log() if line["event"] == "requests cut off"]


def test_a_long_answer_arrives_whole_over_tls(tmp_path: Path, mysql: Cursor) -> None:
    authority = trustme.CA()
    with running(tmp_path, *certificate(tmp_path, authority), tls=True) as server:
        login = {"userid": "alice", "password": PASSWORD}
        server.call("/register", login)
        token = server.call("/login", login)[1]["data"]["token"]
        fill(mysql)
        context = ssl.create_default_context()
        authority.configure_trust(context)
        with (
            small_buffer(server.tls_port) as plain,
            context.wrap_socket(plain, server_hostname="127.0.0.1") as connection,
        ):
            for _ in range(2):
                connection.sendall(request("/get_ugc_list", {"count": LONG_LIST}, token))
                headers = read_headers(connection)
                length = int(headers.partition(b"Content-Length: ")[2].partition(b"\r\n")[0])
                body = b""
                while len(body) < length:
                    body += connection.recv(length - len(body))
                assert len(json.loads(body)["data"]["list"]) == LONG_LIST
        stop(server)
        assert server.exit_code() == 0
        assert not [line for line in server.log() if line["level"] == "error"]


def resident_bytes(pid: int) -> int:
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


@pytest.mark.parametrize(("engine", "tls"), [("llhttp", True), ("tornado", False)], ids=["llhttp-tls", "tornado"])
def test_unread_answers_share_one_page(tmp_path: Path, mysql: Cursor, engine: str, tls: bool) -> None:
    """A page of 4 MB costs a process less than 0.1 MB for each client that does not read it."""
    authority = trustme.CA()
    options = [*certificate(tmp_path, authority), "--http.engine", engine, "--performance.page_ttl", "60"]
    context = ssl.create_default_context()
    authority.configure_trust(context)
    with running(tmp_path, *options, tls=True) as server, ExitStack() as stack:
        login = {"userid": "alice", "password": PASSWORD}
        server.call("/register", login)
        token = server.call("/login", login)[1]["data"]["token"]
        fill(mysql)
        clients = []
        for _ in range(100):
            client = stack.enter_context(small_buffer(server.tls_port if tls else server.port))
            if tls:
                client = stack.enter_context(context.wrap_socket(client, server_hostname="127.0.0.1"))
            client.sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
            assert client.recv(4096).startswith(b"HTTP/1.1 200")
            clients.append(client)
        server.call("/get_ugc_list", {"count": LONG_LIST}, token)  # the page and what is left of its making
        before = resident_bytes(server.pid)
        for client in clients:
            client.sendall(request("/get_ugc_list", {"count": LONG_LIST}, token))
        for client in clients:  # each has its answer
            assert client.recv(12).startswith(b"HTTP/1.1 200")
        assert (resident_bytes(server.pid) - before) / len(clients) < 100_000
        server.send(signal.SIGKILL)


def test_the_kernel_takes_little_of_an_unread_answer() -> None:
    with reserved_port() as port, ExitStack() as stack:
        (listening,) = listen("127.0.0.1", port, 1)[0]
        stack.enter_context(listening)
        stack.enter_context(socket.create_connection(("127.0.0.1", port)))
        listening.setblocking(True)
        accepted = stack.enter_context(listening.accept()[0])
        assert 0 < accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_NOTSENT_LOWAT) <= 128 * 1024  # 0: as the system


def test_the_kernel_keeps_little_of_what_is_not_read() -> None:
    with reserved_port() as port, ExitStack() as stack:
        (listening,) = listen("127.0.0.1", port, 1)[0]
        client = socket.socket()
        for connection in (listening, client):
            stack.enter_context(connection)
        client.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 64 * 1024)
        client.connect(("127.0.0.1", port))
        listening.setblocking(True)
        accepted = stack.enter_context(listening.accept()[0])
        sender = Thread(target=client.sendall, args=[bytes(64 * 2**20)])
        sender.start()  # what is read fast makes the kernel expect more
        for _ in range(64):
            accepted.recv(2**20, socket.MSG_WAITALL)
        sender.join()
        client.settimeout(0.2)
        unread = 0
        with suppress(TimeoutError):
            while unread < 64 * 2**20:
                unread += client.send(bytes(64 * 1024))
        assert unread <= 512 * 1024  # in the buffers of both


def read_headers(connection: socket.socket) -> bytes:
    headers = b""
    while not headers.endswith(b"\r\n\r\n"):
        headers += connection.recv(1)
    return headers


@pytest.mark.gen_test
async def test_a_handshake_has_a_limited_time(app: Application, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("handlers.transport.server._HANDSHAKE_TIMEOUT_S", 0.2)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    trustme.CA().issue_cert("localhost").configure_cert(context)
    engine = LlhttpEngine(app)
    listening, port = bind_unused_port()
    await engine.listen(listening, context)
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    async with asyncio.timeout(PATIENCE):
        assert await reader.read() == b""
    writer.close()
    await engine.drain(0)


@contextmanager
def signalled_during_the_start(folder: Path, number: signal.Signals, workers: int) -> Iterator[Server]:
    """A server that got a signal when it was listening and still reading its certificate."""
    options = [*certificate(folder, trustme.CA()), "--http.processes", str(workers)]
    path = folder / "cert.pem"
    pem = path.rename(folder / "real.pem").read_bytes()
    os.mkfifo(path)
    with running(folder, *options, ready=False, tls=True) as server:
        with os.fdopen(wait_for(lambda: opened_by_a_reader(path)), "wb") as held:
            server.send(number)
            (folder / "real.pem").rename(path)  # for the next time that it is read
            held.write(pem)
        yield server


def opened_by_a_reader(fifo: Path) -> int | None:
    """A descriptor for writing; None without a reader."""
    try:
        return os.open(fifo, os.O_WRONLY | os.O_NONBLOCK)
    except OSError:
        return None


@pytest.mark.parametrize("workers", [1, 2])
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_stop_during_the_start_is_an_orderly_one(tmp_path: Path, number: signal.Signals, workers: int) -> None:
    with signalled_during_the_start(tmp_path, number, workers) as server:
        assert server.exit_code() == 0
        assert [line["event"] for line in server.log()].count("stopping") == workers


@pytest.mark.parametrize("workers", [1, 2])
def test_a_hup_during_the_start_ends_nothing(tmp_path: Path, workers: int) -> None:
    with signalled_during_the_start(tmp_path, signal.SIGHUP, workers) as server:
        wait_for(lambda: [line["event"] for line in server.log()].count("certificate reloaded") == workers)
        wait_for(server.is_ready)
        stop(server)
        assert server.exit_code() == 0


@asynccontextmanager
async def connected(api: Api) -> AsyncIterator[IOStream]:
    stream = await TCPClient().connect("127.0.0.1", int(api.base_url.rpartition(":")[2]))
    try:
        yield stream
    finally:
        stream.close()


async def arriving(stream: IOStream, connections: Connections, length: int | str, path: str = "/register") -> None:
    """Send headers and wait until the server has counted them."""
    await stream.write(head(length, path))
    assert await stream.read_bytes(len(CONTINUE)) == CONTINUE
    assert connections.in_flight == 1


async def until(condition: Callable[[], bool]) -> None:
    """As `wait_for`, without blocking the loop."""
    async with asyncio.timeout(PATIENCE):
        while not condition():
            await asyncio.sleep(0)


async def counted(connections: Connections, count: int) -> None:
    """Wait until `count` requests are in flight."""
    await until(lambda: connections.in_flight == count)


async def forgotten(connections: Connections) -> None:
    """Wait until no connection is open."""
    await until(lambda: not connections._open)


@pytest.mark.gen_test
@pytest.mark.parametrize("path", ["/register", "/nowhere", "/healthz"])
async def test_every_answered_request_is_counted_once(api: Api, connections: Connections, path: str) -> None:
    async with connected(api) as stream:
        for _ in range(2):  # the second request finds an idle connection
            await arriving(stream, connections, len(BODY), path)
            await stream.write(BODY)
            headers = await stream.read_until(b"\r\n\r\n")
            length = int(headers.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])
            await stream.read_bytes(length)
            assert connections.in_flight == 0


@pytest.mark.gen_test
@pytest.mark.parametrize("sent", [b"", BODY[:10]])
async def test_a_client_that_leaves_in_its_body_is_not_counted_any_more(
    api: Api, connections: Connections, sent: bytes
) -> None:
    async with connected(api) as stream:
        await arriving(stream, connections, len(BODY))
        await stream.write(sent)
    await counted(connections, 0)


@pytest.mark.gen_test
async def test_a_body_has_a_limited_time_to_arrive_and_the_next_one_its_own(
    api: Api, connections: Connections, monkeypatch: pytest.MonkeyPatch
) -> None:
    limit = 0.3
    monkeypatch.setattr("handlers.transport.http1.BODY_TIMEOUT_S", limit)
    async with connected(api) as stream:
        for _ in range(2):
            await arriving(stream, connections, len(BODY))
            await stream.write(BODY)
            await stream.read_until(b"}")
            await asyncio.sleep(1.5 * limit)  # an idle connection is left alone
        await arriving(stream, connections, len(BODY))
        await stream.write(BODY[:10])
        with pytest.raises(StreamClosedError):
            await stream.read_bytes(1)
    await counted(connections, 0)


@pytest.mark.gen_test
@pytest.mark.parametrize("sent", [b"", b"POST /register HTTP/1.1\r\n"])
@pytest.mark.parametrize("before", [b"", head(len(BODY)) + BODY])
async def test_an_idle_connection_is_closed_and_forgotten(
    api: Api, connections: Connections, monkeypatch: pytest.MonkeyPatch, before: bytes, sent: bytes
) -> None:
    monkeypatch.setattr("handlers.transport.http1.HEADERS_TIMEOUT_S", 0.3)
    async with connected(api) as stream:
        await stream.write(before)
        if before:
            await stream.read_until(b"}")
        await stream.write(sent)
        with pytest.raises(StreamClosedError):
            await stream.read_bytes(1)
    await forgotten(connections)


@pytest.mark.gen_test
async def test_the_time_limits_of_a_client_exclude_the_time_of_the_server(
    api: Api, mysql: Cursor, monkeypatch: pytest.MonkeyPatch
) -> None:
    limit = 0.2
    user = await api.user()
    monkeypatch.setattr("handlers.transport.http1.HEADERS_TIMEOUT_S", limit)
    monkeypatch.setattr("handlers.transport.http1.BODY_TIMEOUT_S", limit)
    mysql.execute("LOCK TABLES tb_account WRITE")
    async with connected(api) as stream:
        await stream.write(request("/get_user_info", {}, user.token))
        await asyncio.sleep(2 * limit)
        mysql.execute("UNLOCK TABLES")
        assert (await stream.read_until(b"\r\n")).startswith(b"HTTP/1.1 200 ")


@pytest.mark.gen_test
async def test_a_client_that_does_not_read_its_answer_is_disconnected(
    api: Api, connections: Connections, mysql: Cursor, http_port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("handlers.transport.http1.ANSWER_TIMEOUT_S", 0.3)
    user = await api.user()
    fill(mysql)
    with unread(http_port, user.token) as connection:
        await counted(connections, 1)
        await counted(connections, 0)
        headers, _, body = the_rest(connection).partition(b"\r\n\r\n")
    assert 0 < len(body) < int(headers.partition(b"Content-Length: ")[2].partition(b"\r\n")[0])


@pytest.mark.gen_test
async def test_a_client_that_has_read_its_answer_stays_connected(
    api: Api, connections: Connections, mysql: Cursor, monkeypatch: pytest.MonkeyPatch
) -> None:
    limit = 0.5
    monkeypatch.setattr("handlers.transport.http1.ANSWER_TIMEOUT_S", limit)
    user = await api.user()
    fill(mysql)
    async with connected(api) as stream:
        for _ in range(2):
            await stream.write(request("/get_ugc_list", {"count": LONG_LIST}, user.token))
            headers = await stream.read_until(b"\r\n\r\n")
            length = int(headers.partition(b"Content-Length: ")[2].partition(b"\r\n")[0])
            assert len(await stream.read_bytes(length)) == length > 2**20
            await asyncio.sleep(1.5 * limit)
    await counted(connections, 0)


@pytest.mark.gen_test
async def test_too_long_a_body_is_counted_until_its_end(api: Api, connections: Connections) -> None:
    async with connected(api) as stream:
        await stream.write(head(4 * MAX_BODY, expect=""))
        await counted(connections, 1)
        await stream.write(b"x" * 4 * MAX_BODY)
        assert (await stream.read_until(b"\r\n")).startswith(b"HTTP/1.1 413 ")
    await counted(connections, 0)


@pytest.mark.gen_test
async def test_too_long_a_body_is_not_asked_for(api: Api, connections: Connections) -> None:
    async with connected(api) as stream:
        await stream.write(head(MAX_BODY + 1))
        assert (await stream.read_until(b"\r\n")).startswith(b"HTTP/1.1 413 ")
        assert b'"code":413' in await stream.read_until_close()
    await counted(connections, 0)


@pytest.mark.gen_test
@pytest.mark.parametrize(
    "request_bytes",
    [
        b"nonsense\r\n\r\n",
        b"POST /register HTTP/1.1\r\n\r\n",
        head("x", expect=""),
        head("1, 2", expect=""),
        b"POST /register HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: gzip\r\n\r\n",
        b"POST /register HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nnonsense\r\n",
    ],
)
async def test_a_malformed_request_is_not_counted_any_more(
    api: Api, connections: Connections, request_bytes: bytes
) -> None:
    async with connected(api) as stream:
        await stream.write(request_bytes)
        with pytest.raises(StreamClosedError):
            while True:
                await stream.read_bytes(4096, partial=True)
    await counted(connections, 0)


@pytest.mark.gen_test
async def test_a_client_that_leaves_before_its_answer_is_not_counted_any_more(
    api: Api, connections: Connections
) -> None:
    async with connected(api) as stream:
        await stream.write(head(len(BODY), expect="") + BODY)
        await counted(connections, 1)
    await counted(connections, 0)


@pytest.mark.parametrize("workers", ["1", "2"])
def test_requests_that_come_shortly_after_the_signal_are_answered(tmp_path: Path, workers: str) -> None:
    """As many as 100, on connections that were open before, in the first 200 ms."""
    with running(tmp_path, "--http.processes", workers) as server, ExitStack() as stack:
        connections = [
            stack.enter_context(socket.create_connection(("127.0.0.1", server.port), timeout=PATIENCE))
            for _ in range(100)
        ]
        for connection in connections:  # a worker has accepted each of them
            connection.sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
            assert connection.recv(4096).startswith(b"HTTP/1.1 200")
        server.send(signal.SIGTERM)
        start = time.monotonic()
        for number, connection in enumerate(connections):
            body = b'{"userid": "late_%d", "password": "0123456789abcdef"}' % number
            time.sleep(max(0.0, start + 0.02 + 0.0018 * number - time.monotonic()))
            connection.sendall(head(len(body), expect="") + body)
        answers = [the_rest(connection) for connection in connections]
        assert [answer[:12] for answer in answers] == [b"HTTP/1.1 200"] * len(answers)
        assert server.exit_code() == 0
        assert not [line for line in server.log() if line["event"] == "requests cut off"]


@pytest.mark.parametrize(("workers", "tls"), [("1", False), ("2", True)], ids=["one-plain", "two-tls"])
def test_a_stop_answers_everything_that_it_has_accepted(tmp_path: Path, workers: str, tls: bool) -> None:
    """100 requests in flight, 100 more within 200 ms on connections that were idle, and 20 half bodies."""
    authority = trustme.CA()
    options = [*certificate(tmp_path, authority), "--http.processes", workers]
    options += ["--limits.uploads_per_user", "", "--http.max_requests_per_user", "220"]  # one user sends them all
    options += ["--http.deadline", "20", "--mysql.acquire_timeout", "20", "--mysql.query_timeout", "20"]
    context = ssl.create_default_context()
    authority.configure_trust(context)

    def connect(port: int, stack: ExitStack) -> socket.socket:
        plain = stack.enter_context(socket.create_connection(("127.0.0.1", port), timeout=PATIENCE))
        return stack.enter_context(context.wrap_socket(plain, server_hostname="127.0.0.1")) if tls else plain

    with running(tmp_path, *options, tls=True) as server, ExitStack() as stack, connect_mysql() as holder:
        login = {"userid": "alice", "password": PASSWORD}
        server.call("/register", login)
        token = server.call("/login", login)[1]["data"]["token"]
        connections = [connect(server.tls_port if tls else server.port, stack) for _ in range(220)]
        for connection in connections:  # a worker has accepted each of them
            connection.sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
            assert connection.recv(4096).startswith(b"HTTP/1.1 200")
        in_flight, idle, half = connections[:100], connections[100:200], connections[200:]
        update = request("/upload_user_info", {"nickname": "x"}, token)
        holder.cursor().execute("SELECT * FROM tb_account FOR UPDATE")  # the updates have to wait for this lock
        for connection in in_flight:
            connection.sendall(update)
        for connection in half:
            connection.sendall(update[:-5])
        with connect_mysql() as watcher, watcher.cursor() as cursor:
            wait_for(lambda: cursor.execute(WAITING_UPDATE))
        stop(server)
        for connection in idle:
            connection.sendall(update)
            time.sleep(0.002)
        holder.rollback()
        for connection in half:
            connection.sendall(update[-5:])
        answers = [the_rest(connection) for connection in connections]
        assert [answer[:12] for answer in answers] == [b"HTTP/1.1 200"] * len(answers)
        assert server.exit_code() == 0
        assert not [line for line in server.log() if line["event"] == "requests cut off"]


def test_a_lame_duck_still_serves_new_connections(tmp_path: Path) -> None:
    with running(tmp_path, "--http.lame_duck", "3600", "--http.processes", "2") as server:
        server.send(signal.SIGTERM)
        wait_for(lambda: [line["event"] for line in server.log()].count("stopping") == 2)
        for _ in range(8):  # both workers
            assert server.call("/readyz") == (503, {"code": 503, "message": "not ready: draining"})
            assert server.call("/healthz")[0] == 200
        server.send(signal.SIGKILL)


def test_a_lame_duck_ends(tmp_path: Path) -> None:
    with running(tmp_path, "--http.lame_duck", "0.5") as server:
        with socket.create_connection(("127.0.0.1", server.port), timeout=PATIENCE) as kept:
            stop(server)
            kept.sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
            answer = the_rest(kept)
        assert answer.startswith(b"HTTP/1.1 200")
        assert b"\r\nConnection: close\r\n" in answer  # the client connects anew, elsewhere
        assert server.exit_code() == 0
        with pytest.raises(ConnectionRefusedError):
            server.call("/healthz")


@pytest.mark.parametrize("workers", ["1", "2"])
def test_connections_that_wait_to_be_accepted_are_served(tmp_path: Path, workers: str) -> None:
    with running(tmp_path, "--http.processes", workers) as server, ExitStack() as stack:
        connections = []
        for _ in range(300):
            connection = stack.enter_context(socket.create_connection(("127.0.0.1", server.port), timeout=PATIENCE))
            connection.sendall(b"GET /nowhere HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
            connections.append(connection)
        server.send(signal.SIGTERM)
        answers = [the_rest(connection)[:12] for connection in connections]
        assert answers == [b"HTTP/1.1 404"] * len(connections)
        assert server.exit_code() == 0
