"""Every test gets empty stores, an application of its own on a port of its own, and an `api` to call it with."""

from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import redis
import structlog
from pymysql.cursors import Cursor
from structlog.typing import EventDict
from tornado.httpclient import AsyncHTTPClient
from tornado.ioloop import IOLoop

from conf.cli import load
from conf.settings import Settings
from handlers.routes import make_application
from handlers.transport.application import Application
from handlers.transport.server import ENGINES, Engine
from scripts.stores.private_cluster import PrivateCluster, private_redis_cluster
from scripts.stores.private_servers import private_redis
from services import open_services
from tests.harness import leaks
from tests.harness.client import Api
from tests.harness.stores import OPTIONS, REDIS_URL, TABLES, connect_mysql, connect_redis, create_database


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "conf(*options): options of the server that a test wants, as main.py takes them")
    config.addinivalue_line("markers", "both_kinds_of_redis: the test runs on one Redis, and on a cluster")
    config.addinivalue_line("markers", "own_redis: the test changes the settings of Redis, so it has one of its own")
    config.addinivalue_line("markers", "logs_errors: the test provokes errors in the log")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    for marker, kinds in (("both_kinds_of_redis", ["single", "cluster"]), ("own_redis", ["own"])):
        if "redis_url" in metafunc.fixturenames and metafunc.definition.get_closest_marker(marker):
            metafunc.parametrize("redis_url", kinds, indirect=True)


@pytest.fixture(scope="session")
def schema() -> None:
    """The database and the tables of this worker."""
    create_database()


@pytest.fixture
def mysql(schema: None) -> Iterator[Cursor]:
    """A cursor on the database, emptied; every statement commits."""
    connection = connect_mysql(autocommit=True, init_command="SET time_zone = '+00:00'")
    try:
        with connection.cursor() as cursor:
            for table in TABLES:
                cursor.execute(f"DELETE FROM {table}")
            yield cursor
    finally:
        connection.close()


@pytest.fixture(scope="session")
def redis_cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PrivateCluster]:
    """The Redis Cluster of this worker, for tests on both kinds of Redis."""
    with private_redis_cluster(tmp_path_factory.mktemp("cluster"), replicas=False) as cluster:
        yield cluster


@pytest.fixture
def own_redis(tmp_path: Path) -> Iterator[str]:
    """The URL of a Redis for this test alone."""
    with private_redis(tmp_path, durable=False) as url:
        yield url


@pytest.fixture
def redis_url(request: pytest.FixtureRequest) -> str:
    """The URL of the Redis under test: the one of all workers, one of the test's own, or a cluster."""
    kind = getattr(request, "param", "single")
    if kind == "own":
        return str(request.getfixturevalue("own_redis"))
    if kind == "cluster":
        cluster: PrivateCluster = request.getfixturevalue("redis_cluster")
        return cluster.url
    return REDIS_URL


@pytest.fixture
def store(redis_url: str) -> Iterator[redis.Redis]:
    """A synchronous client of the Redis under test, emptied."""
    with connect_redis(redis_url) as client:
        client.flushdb()
        yield client


@cache
def settings(*options: str) -> Settings:
    """The settings are immutable and take 25 ms to read: tests with the same options share them."""
    loaded = load(options)
    leaks.remember_settings(loaded)
    return loaded


@pytest.fixture
def conf(request: pytest.FixtureRequest, redis_url: str) -> Settings:
    """The settings of the server, with the options of `@pytest.mark.conf`."""
    options = [option for marker in request.node.iter_markers("conf") for option in marker.args]
    return settings(*OPTIONS, "--redis.url", redis_url, *options)


@pytest.fixture(autouse=True)
def logged(request: pytest.FixtureRequest, caplog: pytest.LogCaptureFixture) -> Iterator[list[dict[str, Any]]]:
    """The server's log as event dicts. A secret fails the test, and so does an error unless it is marked `logs_errors`."""
    events: list[dict[str, Any]] = []

    def capture(_: object, level: str, event: EventDict) -> EventDict:
        events.append({**event, "level": level})
        raise structlog.DropEvent

    structlog.configure(processors=[capture], cache_logger_on_first_use=False)
    yield events
    assert not leaks.in_events(events)
    assert not leaks.in_records([*caplog.get_records("setup"), *caplog.get_records("call")])
    if request.node.get_closest_marker("logs_errors") is None:
        assert not [event for event in events if event["level"] in ("error", "critical", "exception")]
        assert not [record for record in caplog.get_records("call") if record.levelname == "ERROR"]


@pytest.fixture(scope="session", autouse=True)
def searched_logs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Search the files of logs of the whole run for secrets."""
    yield
    assert not leaks.in_files(tmp_path_factory.getbasetemp())


@pytest.fixture
def app(io_loop: IOLoop, conf: Settings, mysql: Cursor, store: redis.Redis) -> Iterator[Application]:
    """The application on its real stores."""
    services = open_services(conf)

    async def make() -> Application:
        return make_application(await services.__aenter__(), conf)

    yield io_loop.run_sync(make)
    io_loop.run_sync(lambda: services.__aexit__(None, None, None))


@pytest.fixture
def http_server(io_loop: IOLoop, _unused_port: tuple[Any, int], app: Application, conf: Settings) -> Iterator[Engine]:
    """The server of main.py instead of pytest-tornado's plain one."""
    engine = ENGINES[conf.http.engine](app)
    io_loop.run_sync(lambda: engine.listen(_unused_port[0], None))
    yield engine
    io_loop.run_sync(lambda: engine.drain(0))


@pytest.fixture
def http_client(io_loop: IOLoop, http_server: Engine) -> Iterator[AsyncHTTPClient]:
    """A client that sends up to 200 requests at once."""
    client = AsyncHTTPClient(force_instance=True, max_clients=200)
    yield client
    client.close()


@pytest.fixture
def api(http_client: AsyncHTTPClient, base_url: str) -> Api:
    """Calls the server under test."""
    return Api(http_client, base_url)
