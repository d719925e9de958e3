"""New connections are refused when there is no room for them, and the others are served on."""

import asyncio
import resource
import socket
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack, ExitStack, asynccontextmanager, contextmanager, suppress
from ipaddress import IPv4Network
from typing import Any

import pytest
from tornado.testing import bind_unused_port

from handlers.transport import admission
from handlers.transport.acceptor import Acceptor
from handlers.transport.admission import _client
from handlers.transport.application import Application
from handlers.transport.proxies import TrustedProxies
from handlers.transport.server import ENGINES
from services.metrics.catalogue import NO_ROOM
from tests.harness.main_process import PATIENCE

REQUEST = b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n"
Logged = list[dict[str, Any]]


@pytest.fixture(autouse=True)
def frequent_reports(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(admission, "_REPORT_INTERVAL_S", 0.1)


@pytest.fixture(params=["llhttp", "tornado"])
def engine_name(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    return name


class Visitor:
    """A client with a connection that it keeps."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    async def is_served(self) -> bool:
        """Send a request; False when the server has closed the connection."""
        async with asyncio.timeout(PATIENCE):
            try:
                self._writer.write(REQUEST)
                status = await self._reader.readuntil(b"\r\n")
                await self._reader.readuntil(b"}}")
            except (ConnectionError, asyncio.IncompleteReadError):
                return False
        return status == b"HTTP/1.1 200 OK\r\n"

    async def leave(self) -> None:
        self._writer.close()
        with suppress(ConnectionError):
            await self._writer.wait_closed()


class Visitors:
    """Clients of one server."""

    def __init__(self, port: int, stack: AsyncExitStack) -> None:
        self.port = port
        self._stack = stack

    async def connect(self) -> Visitor:
        return await self.over(socket.create_connection(("127.0.0.1", self.port)))

    async def over(self, connection: socket.socket) -> Visitor:
        visitor = Visitor(*await asyncio.open_connection(sock=connection))
        self._stack.push_async_callback(visitor.leave)
        return visitor


@asynccontextmanager
async def serving(app: Application, engine_name: str) -> AsyncIterator[Visitors]:
    engine = ENGINES[engine_name](app)
    listening, port = bind_unused_port()
    await engine.listen(listening, None)
    async with AsyncExitStack() as stack:
        yield Visitors(port, stack)
    await engine.drain(0)


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(PATIENCE):
        while not condition():
            await asyncio.sleep(0.01)


async def check_limit(app: Application, visitors: Visitors, logged: Logged, limit: int, reason: str) -> None:
    """The first `limit` visitors are served, the next are not, and those that leave make room."""
    admitted = [await visitors.connect() for _ in range(limit)]
    assert all([await visitor.is_served() for visitor in admitted])
    refused = [await visitors.connect() for _ in range(5)]
    assert not any([await visitor.is_served() for visitor in refused])
    assert all([await visitor.is_served() for visitor in admitted])  # they are served on
    await until(lambda: any(line["event"] == "connections refused" for line in logged))
    lines = [line for line in logged if line["event"] == "connections refused"]
    assert sum(line[reason] for line in lines) == 5
    assert app.services.metrics.refused_connections == {**dict.fromkeys(NO_ROOM, 0), reason: 5}
    await admitted[0].leave()
    async with asyncio.timeout(PATIENCE):
        while not await (await visitors.connect()).is_served():
            await asyncio.sleep(0.01)


@pytest.mark.gen_test
@pytest.mark.conf("--http.max_connections", "3")
async def test_a_process_has_at_most_max_connections(app: Application, engine_name: str, logged: Logged) -> None:
    async with serving(app, engine_name) as visitors:
        await check_limit(app, visitors, logged, 3, "max_connections")


@pytest.mark.gen_test
@pytest.mark.conf("--http.max_connections_per_address", "3")
async def test_a_client_has_at_most_max_connections_per_address(
    app: Application, engine_name: str, logged: Logged, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(admission, "_client", lambda address, proxies: address)  # this machine counts as any other
    async with serving(app, engine_name) as visitors:
        await check_limit(app, visitors, logged, 3, "max_connections_per_address")


@pytest.mark.gen_test
@pytest.mark.conf("--http.max_connections_per_address", "1")
async def test_this_machine_may_hold_any_number_of_connections(app: Application, engine_name: str) -> None:
    async with serving(app, engine_name) as visitors:
        kept = [await visitors.connect() for _ in range(3)]
        assert all([await visitor.is_served() for visitor in kept])


@pytest.mark.parametrize(
    ("address", "client"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("2001:db8:0:1::1", "2001:db8:0:1::/64"),
        ("", ""),  # a Unix socket
        ("127.0.0.1", ""),
        ("::1", ""),
        ("::ffff:127.0.0.1", ""),
        ("198.51.100.7", ""),  # the proxy
        ("::ffff:198.51.100.7", ""),
    ],
)
def test_proxies_and_this_machine_may_hold_any_number_of_connections(address: str, client: str) -> None:
    assert _client(address, TrustedProxies([IPv4Network("198.51.100.0/24")])) == client


@contextmanager
def file_limit(limit: int) -> Iterator[None]:
    """This process may open so many files."""
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (limit, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)


def next_descriptor() -> int:
    with socket.socket() as probe:
        return probe.fileno()


@pytest.mark.gen_test
async def test_the_last_descriptors_are_kept_for_the_stores(app: Application, engine_name: str, logged: Logged) -> None:
    with file_limit(next_descriptor() + 100 + 20):
        async with serving(app, engine_name) as visitors:
            visits = [await visitors.connect() for _ in range(30)]  # client and server are one process: 60 descriptors
            served = [await visitor.is_served() for visitor in visits]
            assert served == sorted(served, reverse=True)
            assert 0 < sum(served) < len(served)
            with ExitStack() as others:
                for _ in range(50):  # the half of what is kept: the clients of this test take some of it
                    others.enter_context(socket.socket())
            await until(lambda: any(line["event"] == "connections refused" for line in logged))
            assert app.services.metrics.refused_connections["descriptors"] == served.count(False)
            assert await visits[0].is_served()


@pytest.mark.gen_test
@pytest.mark.logs_errors
async def test_without_descriptors_nothing_spins_and_service_returns(
    app: Application, logged: Logged, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("handlers.transport.acceptor._RETRY_S", 0.1)
    async with serving(app, "llhttp") as visitors:
        waiting = [await visitors.connect() for _ in range(3)]
        await asyncio.sleep(0)
        assert all([await visitor.is_served() for visitor in waiting])
        late = socket.socket()
        late.setblocking(False)
        with file_limit(next_descriptor()):
            await asyncio.get_running_loop().sock_connect(late, ("127.0.0.1", visitors.port))
            await until(lambda: sum(line["event"] == "connections not accepted" for line in logged) == 3)
            assert await waiting[0].is_served()
        assert await (await visitors.over(late)).is_served()


@pytest.mark.gen_test
@pytest.mark.logs_errors
async def test_a_stop_without_descriptors_leaves_nothing_behind(
    logged: Logged, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("handlers.transport.acceptor._RETRY_S", 0.1)
    failures: list[dict[str, Any]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, failure: failures.append(failure))
    listening, port = bind_unused_port()
    with socket.socket() as late:
        late.setblocking(False)
        acceptor = Acceptor(listening, lambda accepted, _: accepted.close())
        with file_limit(next_descriptor()):
            await asyncio.get_running_loop().sock_connect(late, ("127.0.0.1", port))
            await until(lambda: any(line["event"] == "connections not accepted" for line in logged))
            acceptor.close()
        await asyncio.sleep(0.2)
    assert not failures
