"""Every outage is caused and ended: the server starts, refuses and recovers by itself."""

import asyncio
import os
import signal
import socket
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack, asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from pydantic import SecretStr
from pymysql.cursors import Cursor
from redis import Redis

from conf.settings import Settings, mysql_arguments
from models.database import Database, Monitor, Queries
from models.deadline import Deadline, begin
from models.errors import DuplicateKey, StoreError, StoreUnavailable
from models.migrate import migrate
from scripts.stores.private_servers import private_mysql, private_redis
from tests.harness.client import PASSWORD, Api
from tests.harness.main_process import PATIENCE, Server, running, wait_for
from tests.harness.second_application import another_process
from tests.harness.stores import MYSQL_URL

LOGIN = {"userid": "alice", "password": PASSWORD}
TIMEOUTS = ["--mysql.acquire_timeout", "0.3", "--mysql.query_timeout", "0.3", "--redis.timeout", "0.2"]


def refusal(server: Server, path: str, body: dict[str, str]) -> tuple[int, int]:
    status, answer = server.call(path, body)
    return status, answer["code"]


@pytest.fixture
def own(tmp_path: Path) -> tuple[Path, list[str]]:
    """A folder for private stores of the test, and the options with their future URLs."""
    folder = tmp_path / "stores"
    mysql = f"mysql://root@localhost/xiaozhibo?unix_socket={folder}/mysql/socket"
    return folder, ["--mysql.url", mysql, "--redis.url", f"unix://{folder}/redis/socket?db=0", *TIMEOUTS]


@contextmanager
def migrated_mysql(folder: Path) -> Iterator[None]:
    """A private MySQL with the tables."""
    with private_mysql(folder, durable=False) as url:
        migrate(url)
        yield


def test_the_server_starts_without_its_stores_and_recovers_each_time(
    own: tuple[Path, list[str]], tmp_path: Path
) -> None:
    folder, options = own
    with running(tmp_path, *options, ready=False) as server:
        wait_for(lambda: any(line["event"] == "serving" for line in server.log()))
        assert server.call("/healthz")[0] == 200
        assert server.call("/readyz") == (503, {"code": 503, "message": "not ready: mysql, redis"})
        assert refusal(server, "/register", LOGIN) == (503, 503)
        with ExitStack() as redis, migrated_mysql(folder):
            redis.enter_context(private_redis(folder, durable=False))
            wait_for(server.is_ready)
            assert server.call("/register", LOGIN)[0] == 200
            redis.close()
            wait_for(lambda: not server.is_ready())
            assert refusal(server, "/login", LOGIN) == (503, 503)
            with private_redis(folder, durable=False):
                wait_for(server.is_ready)
                assert server.call("/login", LOGIN)[1]["code"] == 200
        assert refusal(server, "/login", LOGIN) == (503, 503)
        with private_mysql(folder, durable=False), private_redis(folder, durable=False):
            wait_for(server.is_ready)
            assert server.call("/login", LOGIN)[1]["code"] == 200
        assert not [line for line in server.log() if line["level"] == "error"]


@contextmanager
def frozen(store: Path) -> Iterator[None]:
    """Freeze a private store: it accepts connections and stays silent."""
    pid = int((store / "pid").read_text())
    os.kill(pid, signal.SIGSTOP)
    try:
        wait_for(lambda: all(") T " in stat.read_text() for stat in Path(f"/proc/{pid}/task").glob("*/stat")))
        yield
    finally:
        os.kill(pid, signal.SIGCONT)


@pytest.mark.parametrize("store", ["mysql", "redis"])
def test_a_store_that_hangs_is_refused_in_time_and_used_again(
    own: tuple[Path, list[str]], tmp_path: Path, store: str
) -> None:
    folder, options = own
    with (
        migrated_mysql(folder),
        private_redis(folder, durable=False),
        running(tmp_path, *options) as server,
    ):
        assert server.call("/register", LOGIN)[0] == 200
        with frozen(folder / store):
            assert refusal(server, "/login", LOGIN) == (503, 503)
            wait_for(lambda: server.call("/readyz")[1]["message"] == f"not ready: {store}")
        wait_for(server.is_ready)
        assert server.call("/login", LOGIN)[1]["code"] == 200


@asynccontextmanager
async def database(
    url: str = MYSQL_URL, *, acquire_timeout: float = 0.2, query_timeout: float = 5, **options: Any
) -> AsyncIterator[Database]:
    timeouts = {"acquire_timeout": acquire_timeout, "query_timeout": query_timeout}
    db = Database(mysql_arguments(url), **{"pool_size": 1, **timeouts, **options})
    try:
        yield db
    finally:
        await db.close()


pytestmark = pytest.mark.usefixtures("mysql")


@pytest.mark.gen_test
async def test_a_redis_without_enough_replicas_is_unavailable(api: Api, conf: Settings, tmp_path: Path) -> None:
    await api.user("alice")
    with private_redis(tmp_path, durable=False) as url, Redis.from_url(url) as own_store:
        own_conf = conf.model_copy(update={"redis": conf.redis.model_copy(update={"url": SecretStr(url)})})
        async with another_process(api, own_conf) as other:
            assert (await other.call("/login", LOGIN))["code"] == 200
            own_store.config_set("min-replicas-to-write", 1)
            assert (await other.call("/login", LOGIN))["code"] == 503
            own_store.config_set("min-replicas-to-write", 0)
            assert (await other.call("/login", LOGIN))["code"] == 200


@pytest.mark.gen_test
async def test_a_full_pool_refuses_after_its_time() -> None:
    async with database() as db:

        async def work(_: Queries) -> None:
            with pytest.raises(StoreUnavailable, match="connect: every connection is in use"):
                await db.fetch_one("SELECT 1")

        await db.transaction(work)


@pytest.mark.gen_test
async def test_cancelled_queries_do_not_starve_the_waiting_ones() -> None:
    async with database(acquire_timeout=10) as db:
        slow = asyncio.create_task(db.fetch_one("SELECT SLEEP(10)"))
        waiting = [asyncio.create_task(db.fetch_one("SELECT 7")) for _ in range(5)]
        await asyncio.sleep(0)
        slow.cancel()
        assert await asyncio.gather(*waiting) == [(7,)] * 5
        with pytest.raises(asyncio.CancelledError):
            await slow


@pytest.mark.gen_test
async def test_a_slow_statement_is_ended_in_the_server_too(mysql: Cursor) -> None:
    async with database(query_timeout=0.2) as db:
        with pytest.raises(StoreUnavailable):
            await db.fetch_one("SELECT SLEEP(30) AS marked")
        assert await db.fetch_one("SELECT 1") == (1,)
    wait_for(
        lambda: (
            not mysql.execute(
                "SELECT 1 FROM information_schema.processlist WHERE db = DATABASE() AND info LIKE 'SELECT SLEEP(30)%'"
            )
        )
    )


@pytest.mark.gen_test
async def test_a_killed_connection_is_replaced(mysql: Cursor) -> None:
    async with database() as db:
        (connection,) = await db.fetch_one("SELECT CONNECTION_ID()") or ()
        mysql.execute("KILL %s", (connection,))
        with pytest.raises(StoreUnavailable):
            for _ in range(100):
                (now,) = await db.fetch_one("SELECT CONNECTION_ID()") or ()
                if now != connection:
                    raise StoreUnavailable("mysql", "the connection was replaced before", "KILL")
        assert await db.fetch_one("SELECT 1") == (1,)


@pytest.mark.gen_test
async def test_a_transaction_whose_connection_is_killed_is_a_passing_outage(mysql: Cursor) -> None:
    async with database() as db:

        async def work(tx: Queries) -> None:
            (connection,) = await tx.fetch_one("SELECT CONNECTION_ID()") or ()
            mysql.execute("KILL %s", (connection,))
            for _ in range(100):
                await tx.execute(INSERT, ("lost",))

        with pytest.raises(StoreUnavailable):
            await db.transaction(work)
        assert await db.fetch_one("SELECT COUNT(*) FROM tb_account") == (0,)


@pytest.mark.gen_test
async def test_a_connection_that_is_too_old_is_replaced() -> None:
    for max_age, count in ((3600, 1), (1e-9, 3)):
        async with database(max_age=max_age) as db:
            numbers = {await db.fetch_one("SELECT CONNECTION_ID()") for _ in range(3)}
            assert (len(numbers), db.idle) == (count, 1)


@pytest.mark.gen_test
async def test_connections_of_the_same_age_are_not_all_replaced_at_once() -> None:
    async with database(pool_size=8, acquire_timeout=5, max_age=3600) as db:
        await asyncio.gather(*(db.fetch_one(f"SELECT SLEEP(0.1) AS s{number}") for number in range(4)))
        left = sorted(connection.expires - time.monotonic() for connection in db._idle)
        assert len(left) == 4
        assert 2800 < left[0] < left[-1] - 1 < 3600


@pytest.mark.gen_test
async def test_a_connection_that_nobody_needs_any_more_is_closed() -> None:
    async with database(pool_size=2, acquire_timeout=5) as db:
        await asyncio.gather(*(db.fetch_one(f"SELECT SLEEP(0.1) AS s{number}") for number in range(2)))
        db._idle[0].expires = 0
        await db.fetch_one("SELECT 1")
        assert db.idle == 1


@pytest.mark.gen_test
async def test_the_server_ends_by_itself_what_nobody_continues() -> None:
    async with database(max_age=100) as db:
        assert await db.fetch_one("SELECT @@wait_timeout, @@idle_transaction_timeout") == (160, 10)


INSERT = "INSERT INTO tb_account (userid, password) VALUES (%s, '')"
CONFLICT = "SIGNAL SQLSTATE '40001' SET MYSQL_ERRNO = 1213"
LOCKED_FOR_LONG = "SIGNAL SQLSTATE 'HY000' SET MYSQL_ERRNO = 1205"


@pytest.mark.gen_test
async def test_a_transaction_is_committed_or_rolled_back_whole(mysql: Cursor) -> None:
    async with database() as db:
        await db.transaction(lambda tx: tx.execute(INSERT, ("kept",)))
        for error in (ValueError, TimeoutError, asyncio.CancelledError):

            async def work(tx: Queries, error: type[BaseException] = error) -> None:
                await tx.execute(INSERT, ("lost",))
                raise error

            with pytest.raises((ValueError, StoreUnavailable, asyncio.CancelledError)):
                await db.transaction(work)
    mysql.execute("SELECT userid FROM tb_account")
    assert mysql.fetchall() == (("kept",),)


class Repeats(Monitor):
    """Counts them."""

    count = 0

    def repeated(self) -> None:
        self.count += 1


@pytest.mark.gen_test
async def test_a_transaction_that_a_deadlock_ends_runs_again(mysql: Cursor) -> None:
    mysql.execute("INSERT INTO tb_account (userid, password) VALUES ('a', ''), ('b', '')")
    monitor = Repeats()
    both_hold_one = asyncio.Barrier(2)

    async def swap(tx: Queries, first: str, second: str) -> None:
        add = "UPDATE tb_account SET nickname = CONCAT(nickname, 'x') WHERE userid = %s"
        await tx.execute(add, (first,))
        if monitor.count == 0:
            await both_hold_one.wait()
        await tx.execute(add, (second,))

    async with database(monitor=monitor) as one, database(monitor=monitor) as another:
        await asyncio.gather(
            one.transaction(lambda tx: swap(tx, "a", "b")), another.transaction(lambda tx: swap(tx, "b", "a"))
        )
    mysql.execute("SELECT nickname FROM tb_account")
    assert mysql.fetchall() == (("xx",), ("xx",))
    assert monitor.count == 1


@pytest.mark.gen_test
async def test_a_transaction_that_met_a_locked_row_is_rolled_back_before_it_runs_again(mysql: Cursor) -> None:
    monitor = Repeats()

    async def work(tx: Queries) -> str:
        await tx.execute(INSERT, ("alice",))
        if monitor.count == 0:
            await tx.execute(LOCKED_FOR_LONG)  # ends the statement only
        return "done"

    async with database(monitor=monitor) as db:
        assert await db.transaction(work) == "done"
    assert monitor.count == 1


@pytest.mark.gen_test
async def test_a_conflict_that_does_not_end_is_unavailable_after_three_repetitions() -> None:
    monitor = Repeats()
    async with database(monitor=monitor) as db:
        with pytest.raises(StoreUnavailable):
            await db.transaction(lambda tx: tx.execute(CONFLICT))
        assert monitor.count == 3
        with pytest.raises(StoreUnavailable):
            await db.execute(CONFLICT)
        assert monitor.count == 6


@pytest.mark.gen_test
async def test_nothing_is_repeated_that_would_miss_the_deadline(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("models.database._PAUSES_S", (2 * PATIENCE,))
    monitor = Repeats()
    begin(Deadline(time.monotonic() + PATIENCE / 2))
    async with database(monitor=monitor) as db:
        with pytest.raises(StoreUnavailable):
            await db.transaction(lambda tx: tx.execute(CONFLICT))
    assert monitor.count == 0


@pytest.mark.gen_test
async def test_a_mysql_that_accepts_and_stays_silent_is_given_up_in_time() -> None:
    """The limits sweep over the moment at which the TCP connection is made (see `Database._connect`)."""
    with socket.create_server(("127.0.0.1", 0), backlog=1000) as silent:
        url = f"mysql://root@127.0.0.1:{silent.getsockname()[1]}/xiaozhibo"
        for microseconds in 4 * [*range(100, 1000, 20)]:
            async with database(url, acquire_timeout=microseconds / 1e6) as db, asyncio.timeout(PATIENCE):
                with pytest.raises(StoreUnavailable):
                    await db.fetch_one("SELECT 1")


@pytest.mark.gen_test
@pytest.mark.parametrize(
    ("sql", "error"),
    [
        ("INSERT INTO tb_account (userid, password) VALUES ('alice', '')", DuplicateKey),
        ("INSERT INTO nowhere VALUES (1)", StoreError),
        ("nonsense", StoreError),
        ("USE nowhere", StoreError),
        ("SIGNAL SQLSTATE '40001' SET MYSQL_ERRNO = 1213", StoreUnavailable),
        ("SIGNAL SQLSTATE '08S01' SET MYSQL_ERRNO = 1047", StoreUnavailable),  # a node of a cluster joins
        ("SIGNAL SQLSTATE 'HY000' SET MYSQL_ERRNO = 1180", StoreUnavailable),  # it lost the others at a commit
        ("SIGNAL SQLSTATE '08S01' SET MYSQL_ERRNO = 1158", StoreUnavailable),
        ("SIGNAL SQLSTATE '28000' SET MYSQL_ERRNO = 1045", StoreError),
    ],
)
async def test_an_error_of_mysql_is_translated(sql: str, error: type[StoreError]) -> None:
    async with database() as db:
        await db.execute("INSERT INTO tb_account (userid, password) VALUES ('alice', '')")
        with pytest.raises(StoreError) as raised:
            await db.execute(sql)
    assert (type(raised.value), raised.value.store) == (error, "mysql")


@pytest.mark.gen_test
@pytest.mark.parametrize("url", ["mysql://nobody:wrong@localhost/x?", "mysql://root@localhost/nowhere?"])
async def test_wrong_credentials_and_a_missing_database_are_no_passing_outage(url: str) -> None:
    async with database(url + urlsplit(MYSQL_URL).query) as db:
        with pytest.raises(StoreError) as raised:
            await db.fetch_one("SELECT 1")
    assert type(raised.value) is StoreError
