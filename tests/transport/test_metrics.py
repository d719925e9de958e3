"""The metrics count what happens, and one scrape has the numbers of all workers."""

import asyncio
import json
import platform
import signal
import socket
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

import pytest
import redis
from prometheus_client import CollectorRegistry
from pymysql.cursors import Cursor

from conf.settings import Metrics as MetricsSettings
from conf.version import VERSION
from handlers.transport.application import Application
from handlers.transport.connections import Connections
from handlers.transport.metrics_server import measuring
from handlers.transport.server import LlhttpEngine
from services import LONG_POOL_SIZE
from services.metrics.catalogue import Metrics
from services.metrics.recorder import Recorder
from services.metrics.undelivered import Undelivered
from services.recordings import Recordings
from tests.harness.client import PASSWORD, Api
from tests.harness.events import event
from tests.harness.main_process import Server, alive, children, kill, reserved_port, running, wait_for
from tests.harness.scrape import Scrape, fetch
from tests.harness.stores import connect_mysql

LOGIN = {"userid": "alice", "password": PASSWORD}
Value = Callable[..., float | None]


@pytest.fixture
def value(app: Application, tmp_path: Path) -> Iterator[Value]:
    """Reads a number of the application under test; the prefix of its name is left out."""
    recorder = Recorder(app.services.metrics, tmp_path / "metrics")
    registry = CollectorRegistry()
    registry.register(recorder)
    yield lambda name, **labels: registry.get_sample_value(f"xiaozhibo_{name}", labels)
    recorder.close()


@pytest.mark.gen_test
async def test_requests_are_counted_by_route_and_code(api: Api, value: Value) -> None:
    for _ in range(2):
        await api.call("/register", LOGIN)
    await api.call("/made_up")
    await api.call("/made_up_too")
    assert value("requests_total", route="/register", code="200") == 1
    assert value("requests_total", route="/register", code="612") == 1
    assert value("requests_total", route="other", code="404") == 2
    assert value("request_duration_seconds_count", route="/register") == 2
    assert value("request_duration_seconds_bucket", route="/register", le="+Inf") == 2
    assert 0 < (value("request_duration_seconds_sum", route="/register") or 0) < 60
    assert value("requests_in_flight") == 0


@pytest.mark.gen_test
@pytest.mark.parametrize(
    ("reason", "path", "body", "method"),
    [
        ("bad_request", "/login", b"no JSON", "POST"),
        ("invalid_parameter", "/get_vod_list", b'{"index": -1}', "POST"),
        ("invalid_parameter", "/login", b'{"userid": "-", "password": "x"}', "POST"),
        ("unauthenticated", "/get_user_info", b"{}", "POST"),
        ("not_found", "/made_up", b"{}", "POST"),
        ("method_not_allowed", "/login", b"", "GET"),
        ("body_too_large", "/login", b" " * 65_537, "POST"),
        ("malformed_http", "/login", b"", "MADEUP"),
    ],
)
async def test_refusals_are_counted_by_reason(
    api: Api, value: Value, reason: str, path: str, body: bytes, method: str
) -> None:
    headers = {"Authorization": f"Bearer {(await api.user()).token}"} if reason == "invalid_parameter" else {}
    await api.send(path, body, headers, method)
    refused = {other: value("refusals_total", reason=other) for other in ("unavailable", "internal_error", reason)}
    assert refused == {"unavailable": 0, "internal_error": 0, reason: 1}


@pytest.mark.gen_test
@pytest.mark.conf("--limits.wrong_passwords", "1 per 10 minutes")
async def test_logins_are_counted_by_outcome(api: Api, value: Value, store: redis.Redis) -> None:
    await api.call("/register", LOGIN)
    await api.call("/login", LOGIN)
    store.delete("xzb:{alice}:verified")
    await api.call("/login", LOGIN)
    await api.call("/login", {**LOGIN, "userid": "nobody"})
    for _ in range(2):
        await api.call("/login", {**LOGIN, "password": "wrong"})
    outcomes = ("remembered", "hashed", "no_such_user", "wrong_password", "throttled", "overloaded")
    assert {name: value("logins_total", outcome=name) for name in outcomes} == dict.fromkeys(outcomes, 1) | {
        "overloaded": 0
    }
    assert value("argon2_duration_seconds_count") == 3  # the registration, the second login, the wrong password
    assert value("refusals_total", reason="throttled") == 1
    assert value("throttled_total", limit="wrong_passwords") == 1


@pytest.mark.gen_test
@pytest.mark.logs_errors
async def test_errors_of_the_stores_are_counted(api: Api, value: Value, store: redis.Redis) -> None:
    await api.call("/register", LOGIN)
    store.rpush("xzb:{alice}:voided", "no set")
    assert (await api.call("/login", LOGIN))["code"] == 500
    assert value("store_errors_total", store="redis", kind="refused") == 1
    assert value("store_errors_total", store="mysql", kind="refused") == 0
    assert value("logins_total", outcome="failed") == 1
    assert value("refusals_total", reason="internal_error") == 1


@pytest.mark.gen_test
@pytest.mark.conf("--mysql.url", "mysql://root@localhost/x?unix_socket=/nowhere")
async def test_a_store_that_is_away_is_counted(api: Api, value: Value) -> None:
    await api.call("/register", LOGIN)
    assert value("store_errors_total", store="mysql", kind="unavailable") == 1
    assert value("mysql_query_duration_seconds_count", call="connect") == 1
    assert value("refusals_total", reason="store_unavailable") == 1


@pytest.mark.gen_test
@pytest.mark.conf("--password.max_wait", "0.01", "--password.memory_kib", "8192")
async def test_a_full_queue_of_hashes_is_counted(api: Api, value: Value) -> None:
    answers = await asyncio.gather(
        *(api.call("/register", {"userid": f"user_{number}", "password": PASSWORD}) for number in range(20))
    )
    refused = [answer["code"] for answer in answers].count(503)
    assert refused > 0
    assert value("argon2_refused_total") == value("refusals_total", reason="passwords") == refused
    assert value("argon2_duration_seconds_count") == 20 - refused
    assert value("argon2_running") == value("argon2_waiting") == 0


@pytest.mark.gen_test
@pytest.mark.conf("--mysql.pool_size", "1")
async def test_the_pool_and_the_callers_before_it_are_counted(api: Api, app: Application, value: Value) -> None:
    first, second = await api.user(), await api.user()
    assert value("mysql_connections", state="idle") == 1
    assert value("mysql_connections_max") == 1 + LONG_POOL_SIZE
    with connect_mysql() as holder:
        holder.cursor().execute("SELECT * FROM tb_account FOR UPDATE")
        updates = [
            asyncio.ensure_future(api.call("/upload_user_info", {"nickname": "x"}, token=user.token))
            for user in (first, second)
        ]
        while value("mysql_pool_waiting") != 1:
            await asyncio.sleep(0.01)
        assert value("mysql_connections", state="in_use") == 1
        assert value("requests_in_flight") == 2
        assert value("connections", phase="served") == 2
        holder.rollback()
    assert [answer["code"] for answer in await asyncio.gather(*updates)] == [200, 200]
    assert value("mysql_pool_waiting") == 0
    assert value("mysql_pool_wait_seconds_count") == 1
    assert value("mysql_query_duration_seconds_count", call="UPDATE tb_account") == 2


@pytest.mark.gen_test
async def test_pages_and_batches_are_counted(api: Api, value: Value) -> None:
    user = await api.user()
    calls, asked = (value(f"batch_size_{name}", batch="redis") or 0 for name in ("count", "sum"))
    for _ in range(3):
        await api.call("/get_vod_list", token=user.token)
    assert value("page_cache_requests_total", outcome="miss") == 1
    assert value("page_cache_requests_total", outcome="hit") == 2
    assert value("page_cache_entries") == 1
    assert (value("page_cache_bytes") or 0) > 0
    assert value("batch_size_count", batch="redis") == calls + 3
    assert value("batch_size_sum", batch="redis") == asked + 6  # each time the session and the versions
    assert value("redis_call_duration_seconds_count", node="redis") == calls + 3


@pytest.mark.gen_test
@pytest.mark.conf("--live.min_duration", "10")
async def test_events_are_counted_by_outcome(api: Api, app: Application, value: Value) -> None:
    await api.user("anchor")
    undelivered = Undelivered(app.services.recordings, app.services.metrics)
    assert value("callbacks_undelivered") is None
    events = [event(), event(stream_id="5000_nobody"), event(duration=1, end_time=1_700_000_001), event(sign="x")]
    for each in events:
        await api.fetch("/callback/tape_callback", json.dumps(each).encode())
    outcomes = ("stored", "kept", "ignored", "refused", "failed")
    assert [value("callbacks_total", outcome=name) for name in outcomes] == [1, 1, 1, 1, 0]
    undelivered.refresh()
    while value("callbacks_undelivered") is None:
        await asyncio.sleep(0.01)
    assert value("callbacks_undelivered") == 1


@pytest.mark.gen_test
async def test_connections_are_counted_by_phase_and_cut_off_when_late(
    api: Api, http_server: LlhttpEngine, value: Value, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("handlers.transport.connections._CHECK_INTERVAL_S", 0.05)
    monkeypatch.setattr("handlers.transport.http1.BODY_TIMEOUT_S", 0.2)
    connections: Connections = http_server.connections
    reader, writer = await asyncio.open_connection("127.0.0.1", int(api.base_url.rpartition(":")[2]))
    while connections.by_phase()["headers"] != 1:
        await asyncio.sleep(0.01)
    writer.write(b"POST /login HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\n")
    while connections.by_phase()["body"] != 1:
        await asyncio.sleep(0.01)
    assert await reader.read() == b""
    assert value("late_clients_total", phase="body") == 1
    assert sum(connections.by_phase().values()) == 0
    writer.close()


# The real processes


@contextmanager
def measured(folder: Path, port: int, *options: str, ready: bool = True) -> Iterator[Server]:
    """A server whose metrics are on this port. Servers in one folder are workers of one installation."""
    own = Path(folder, f"server-{len(list(folder.iterdir()))}")
    own.mkdir()
    directory = ["--metrics.port", str(port), "--metrics.directory", str(folder / "metrics")]
    with running(own, *directory, *options, ready=ready) as server:
        yield server


def scrape(port: int) -> Scrape:
    return wait_for(lambda: Scrape.of(port))


def answered(port: int) -> float:
    """The requests to /login so far."""
    return scrape(port).value("requests_total", route="/login", code="620") or 0


def workers(port: int) -> float | None:
    return scrape(port).value("workers")


def warnings(server: Server) -> list[str]:
    return [line["event"] for line in server.log() if line["level"] == "warning" and line["event"] != "insecure"]


@pytest.fixture
def port() -> Iterator[int]:
    with reserved_port() as number:
        yield number


def test_a_scrape_has_the_sums_of_all_workers_and_a_killed_one_takes_nothing_away(
    tmp_path: Path, port: int, mysql: Cursor, store: redis.Redis
) -> None:
    with measured(tmp_path, port, "--http.processes", "2") as server:
        wait_for(lambda: workers(port) == 2)
        expected = 0
        for _ in range(2):  # one of the two serves the metrics: it is killed, too
            for _ in range(20):
                assert server.call("/login", LOGIN)[1]["code"] == 620
            expected += 20
            wait_for(lambda: answered(port) == expected)  # noqa: B023 - called before the next round
            victim = children(server.pid)[0]
            kill(victim)
            wait_for(lambda: not alive(victim))  # noqa: B023
            wait_for(lambda: len(children(server.pid)) == 2)
            wait_for(lambda: workers(port) == 2)
            assert answered(port) == expected
        assert {name for name, _ in scrape(port).samples if "memory" in name}
        assert scrape(port).value("build_info", version=VERSION, python=platform.python_version()) == 2


def test_another_server_takes_over_the_port_with_the_numbers(
    tmp_path: Path, port: int, mysql: Cursor, store: redis.Redis
) -> None:
    with measured(tmp_path, port) as first, measured(tmp_path, port) as second:
        wait_for(lambda: workers(port) == 2)
        for server in (first, second, second):
            server.call("/login", LOGIN)
        wait_for(lambda: answered(port) == 3)
        first.send(signal.SIGTERM)
        assert first.exit_code() == 0
        assert answered(port) == 3
        assert workers(port) == 1
        with measured(tmp_path, port) as third:
            third.call("/login", LOGIN)
            wait_for(lambda: answered(port) == 4)
            assert [path.name for path in (tmp_path / "metrics").glob("worker-2")] == []
            assert warnings(second) == warnings(third) == []


def test_a_port_that_a_stranger_has_costs_one_warning(
    tmp_path: Path, port: int, mysql: Cursor, store: redis.Redis
) -> None:
    with ExitStack() as running_servers:
        with socket.create_server(("127.0.0.1", port)):
            server = running_servers.enter_context(measured(tmp_path, port, "--http.processes", "2"))
            wait_for(lambda: warnings(server))
            assert server.call("/login", LOGIN)[1]["code"] == 620
        wait_for(lambda: workers(port) == 2)
        assert warnings(server) == ["metrics not served"]


def test_a_file_that_is_none_of_ours_is_replaced(tmp_path: Path, port: int, mysql: Cursor, store: redis.Redis) -> None:
    (tmp_path / "metrics").mkdir()
    (tmp_path / "metrics" / "worker-0").write_bytes(b"\0garbage" * 1000)
    with measured(tmp_path, port) as server:
        assert workers(port) == 1
        assert warnings(server) == ["metrics begin anew"]


def test_without_a_directory_a_worker_answers_for_itself(
    tmp_path: Path, port: int, mysql: Cursor, store: redis.Redis
) -> None:
    (tmp_path / "metrics").write_text("no directory")
    with measured(tmp_path, port) as server:
        server.call("/login", LOGIN)
        assert answered(port) == workers(port) == 1
        assert warnings(server)[0] == "metrics of this worker alone"


def test_metrics_answer_while_the_stores_are_away(tmp_path: Path, port: int) -> None:
    stores = ["--mysql.url", "mysql://root@localhost/x?unix_socket=/nowhere", "--redis.url", "unix:///nowhere?db=0"]
    with measured(tmp_path, port, *stores, ready=False) as server:
        found = scrape(port)
        assert found.value("workers") == 1
        assert found.value("callbacks_undelivered") is None
        assert server.call("/login", LOGIN)[0] == 503
        assert (scrape(port).value("store_errors_total", store="mysql", kind="unavailable") or 0) >= 1


def test_open_metrics_are_spoken_to_who_asks_for_them(
    tmp_path: Path, port: int, mysql: Cursor, store: redis.Redis
) -> None:
    with measured(tmp_path, port):
        scrape(port)
        content_type, text = fetch(port, "application/openmetrics-text; version=1.0.0")
        assert content_type.startswith("application/openmetrics-text; version=1.0.0")
        assert fetch(port, "application/openmetrics-text; version=banana")[0].startswith("text/plain")
        assert text.endswith("# EOF\n")
        assert fetch(port)[0].startswith("text/plain; version=0.0.4")
        refused = {"GET": ("/", 404, "Not Found"), "PUT": ("/metrics", 405, "Method Not Allowed")}
        for method, (path, status, message) in refused.items():
            with closing(HTTPConnection("127.0.0.1", port)) as connection:
                connection.request(method, path)
                response = connection.getresponse()
                assert json.loads(response.read()) == {"code": status, "message": message}
                assert (response.status, response.headers["Server"]) == (status, None)


@pytest.mark.gen_test
async def test_a_stop_keeps_the_numbers_of_the_last_second(app: Application, api: Api, tmp_path: Path) -> None:
    recorder = Recorder(app.services.metrics, tmp_path)
    recorder.record()
    await api.call("/login", LOGIN)
    recorder.close()
    registry = CollectorRegistry()
    registry.register(Recorder(Metrics(), tmp_path))
    assert registry.get_sample_value("xiaozhibo_requests_total", {"route": "/login", "code": "620"}) == 1


@pytest.mark.gen_test
@pytest.mark.logs_errors
async def test_a_fault_of_our_own_ends_no_worker(
    app: Application, tmp_path: Path, port: int, logged: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("handlers.transport.metrics_server._INTERVAL_S", 0.01)
    monkeypatch.setattr(Recorder, "record", lambda recorder: 1 / 0)
    async with measuring(MetricsSettings(port=port, directory=tmp_path / "metrics"), app.services):
        while len(logged) < 2:
            await asyncio.sleep(0.01)
        monkeypatch.undo()
        while not any(line["event"] == "serving metrics" for line in logged):
            await asyncio.sleep(0.01)
    assert {line["event"] for line in logged} == {"metrics not reported", "serving metrics"}
    socket.create_server(("127.0.0.1", port)).close()  # the port is free again


@pytest.mark.gen_test
async def test_a_stop_interrupts_the_count_of_events(
    app: Application, tmp_path: Path, port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun, ended = asyncio.Event(), asyncio.Event()

    async def count(_: Recordings) -> int:
        begun.set()
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()
        return 0

    monkeypatch.setattr(Recordings, "count_undelivered", count)
    async with measuring(MetricsSettings(port=port, directory=tmp_path / "metrics"), app.services):
        await begun.wait()
    assert ended.is_set()


@pytest.mark.gen_test
async def test_a_port_that_a_stranger_keeps_is_not_complained_of_each_second(
    app: Application, tmp_path: Path, port: int, logged: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("handlers.transport.metrics_server._INTERVAL_S", 0.01)
    with socket.create_server(("127.0.0.1", port)):
        async with measuring(MetricsSettings(port=port, directory=tmp_path / "metrics"), app.services):
            while sum(app.services.metrics.loop_lag_seconds[()].counts) < 5:
                await asyncio.sleep(0.01)
    assert [line["event"] for line in logged] == ["metrics not served"]


def test_a_full_disk_costs_one_warning(tmp_path: Path, logged: list[dict[str, Any]]) -> None:
    (tmp_path / "worker-0").symlink_to("/dev/full")
    recorder = Recorder(Metrics(), tmp_path)
    for _ in range(3):
        recorder.record()
    recorder.close()
    assert [line["event"] for line in logged] == ["metrics not written"]
