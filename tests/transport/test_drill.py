"""The drill of 3 a.m.: whatever is broken, one line of the log names the store, the call and the cause."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from pymysql.cursors import Cursor
from redis import Redis

from models.migrate import migrate
from scripts.stores.private_servers import private_mysql, private_redis
from tests.harness.client import PASSWORD
from tests.harness.main_process import Server, running, wait_for
from tests.harness.stores import MYSQL_URL, connect_mysql
from tests.transport.test_stores import TIMEOUTS, frozen

LOGIN = {"userid": "alice", "password": PASSWORD}


class Stores(NamedTuple):
    """A MariaDB and a Redis that may be broken."""

    folder: Path
    mysql_url: str
    redis_url: str


class Drill:
    """A server with a limited MySQL user, on private stores."""

    def __init__(self, server: Server, folder: Path, mysql: Cursor, redis: Redis) -> None:
        self.server = server
        self.folder = folder
        self.mysql = mysql
        self.redis = redis

    def line(self, event: str, store: str) -> dict[str, Any] | None:
        """The first line of the log with this event about this store."""
        lines = (line for line in self.server.log() if line["event"] == event and line["store"] == store)
        return next(lines, None)


@pytest.fixture(scope="module")
def stores(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stores]:
    """Each drill heals what it breaks."""
    folder = tmp_path_factory.mktemp("stores")
    with private_mysql(folder, durable=False) as mysql_url, private_redis(folder, durable=False) as redis_url:
        migrate(mysql_url)
        with connect_mysql(mysql_url) as connection, connection.cursor() as mysql:
            mysql.execute("CREATE USER server@localhost IDENTIFIED BY 'right'")
            mysql.execute("GRANT SELECT, INSERT, UPDATE, DELETE ON xiaozhibo.* TO server@localhost")
        yield Stores(folder, mysql_url, redis_url)


@pytest.fixture
def drill(stores: Stores, tmp_path: Path) -> Iterator[Drill]:
    urls = ["--mysql.url", stores.mysql_url.replace("root@", "server:right@"), "--redis.url", stores.redis_url]
    with (
        connect_mysql(stores.mysql_url, autocommit=True) as connection,
        connection.cursor() as mysql,
        Redis.from_url(stores.redis_url) as redis,
        running(tmp_path, *urls, *TIMEOUTS, "--password.remember", "0") as server,
    ):
        mysql.execute("DELETE FROM tb_account")
        assert server.call("/register", LOGIN)[0] == 200
        yield Drill(server, stores.folder, mysql, redis)


@contextmanager
def hung_mysql(drill: Drill) -> Iterator[None]:
    with frozen(drill.folder / "mysql"):
        yield


@contextmanager
def hung_redis(drill: Drill) -> Iterator[None]:
    with frozen(drill.folder / "redis"):
        yield


@contextmanager
def full_redis(drill: Drill) -> Iterator[None]:
    drill.redis.config_set("maxmemory", 1)
    try:
        yield
    finally:
        drill.redis.config_set("maxmemory", 0)


@contextmanager
def redis_with_a_new_password(drill: Drill) -> Iterator[None]:
    drill.redis.config_set("requirepass", "new")
    drill.redis.client_kill_filter(_type="normal", skipme=True)
    try:
        yield
    finally:
        drill.redis.config_set("requirepass", "")


@contextmanager
def mysql_with_a_new_password(drill: Drill) -> Iterator[None]:
    drill.mysql.execute("ALTER USER server@localhost IDENTIFIED BY 'new'")
    _kill_connections(drill.mysql)
    try:
        yield
    finally:
        drill.mysql.execute("ALTER USER server@localhost IDENTIFIED BY 'right'")


@contextmanager
def lost_grants(drill: Drill) -> Iterator[None]:
    drill.mysql.execute("REVOKE INSERT, UPDATE ON xiaozhibo.* FROM server@localhost")
    _kill_connections(drill.mysql)  # they keep the rights on a database that they already use
    try:
        yield
    finally:
        drill.mysql.execute("GRANT INSERT, UPDATE ON xiaozhibo.* TO server@localhost")
        _kill_connections(drill.mysql)


@contextmanager
def read_only_mysql(drill: Drill) -> Iterator[None]:
    drill.mysql.execute("SET GLOBAL read_only = 1")
    try:
        yield
    finally:
        drill.mysql.execute("SET GLOBAL read_only = 0")


def _kill_connections(mysql: Cursor) -> None:
    mysql.execute("SELECT id FROM information_schema.processlist WHERE user = 'server'")
    for (number,) in mysql.fetchall():
        mysql.execute("KILL %s", (number,))


@pytest.mark.parametrize(
    ("fault", "store", "path", "event", "call", "cause"),
    [
        (hung_mysql, "mysql", "/login", "store unavailable", "SELECT tb_account", "no answer in time"),
        (hung_redis, "redis", "/login", "store unavailable", "meter tries", "no answer in time"),
        (full_redis, "redis", "/login", "store unavailable", "meter tries", "OutOfMemoryError"),
        (redis_with_a_new_password, "redis", "/login", "store refuses", "meter tries", "unauthenticated"),
        (mysql_with_a_new_password, "mysql", "/login", "store refuses", "connect", "Access denied for user 'server'"),
        (lost_grants, "mysql", "/register", "store refuses", "INSERT tb_account", "INSERT command denied"),
        (read_only_mysql, "mysql", "/register", "store unavailable", "INSERT tb_account", "read-only"),
    ],
)
def test_the_log_and_readyz_name_the_fault(
    drill: Drill, fault: Callable[[Drill], Any], store: str, path: str, event: str, call: str, cause: str
) -> None:
    with fault(drill):
        user = {**LOGIN, "userid": "bob"} if path == "/register" else LOGIN
        status, answer = drill.server.call(path, user)
        assert (status, answer["code"]) == ((503, 503) if event == "store unavailable" else (500, 500))
        line = wait_for(lambda: drill.line(event, store))
        assert (line["call"], line["route"]) == (call, path)
        assert cause in line["error"]
        wait_for(lambda: drill.server.call("/readyz") == (503, {"code": 503, "message": f"not ready: {store}"}))
        not_ready = wait_for(lambda: drill.line("not ready", store))
        assert not_ready["level"] == "warning"
        assert not [line for line in drill.server.log() if "exception" in line]
    wait_for(drill.server.is_ready)
    assert [line["event"] for line in drill.server.log()].count("ready again") == 1
    assert drill.server.call("/login", LOGIN)[1]["code"] == 200


def test_a_start_with_a_wrong_password_says_so(tmp_path: Path) -> None:
    url = MYSQL_URL.replace("root@", "nobody:wrong@")
    with running(tmp_path, "--mysql.url", url, ready=False) as server:
        line = wait_for(lambda: next((line for line in server.log() if line["event"] == "not ready"), None))
    assert (line["store"], line["call"]) == ("mysql", "connect")
    assert "Access denied for user 'nobody'" in line["error"]
