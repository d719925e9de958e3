"""Old rows are removed by one process at a time, in small batches (decisions, section 10)."""

import asyncio
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import cast

import pytest
from pymysql.cursors import Cursor
from redis import Redis
from tornado import gen

from conf.settings import Settings
from handlers.transport.application import Application
from models import account, room, undelivered, vod
from models.database import Queries, Row
from models.errors import StoreUnavailable
from models.keys import Key
from services import open_services
from tests.api.test_recordings import recorded, replays
from tests.api.test_recordings import store as deliver
from tests.harness.client import Api
from tests.harness.lists import insert

KEY = "xzb:retention"
RUNNING_S, DONE_S = 60, 3600


def add_room(mysql: Cursor, userid: str, days: float, title: str = "t") -> None:
    mysql.execute(
        "INSERT INTO tb_room (userid, title, location, frontcover, create_time)"
        " VALUES (%s, %s, '', '', UTC_TIMESTAMP(6) - INTERVAL %s SECOND)",
        (userid, title, days * 86400),
    )


def add_event(mysql: Cursor, event_id: str, days: float) -> None:
    mysql.execute(
        "INSERT INTO tb_undelivered_callback (event_id, body, create_time)"
        " VALUES (%s, '{}', UTC_TIMESTAMP() - INTERVAL %s SECOND)",
        (event_id, days * 86400),
    )


def left(mysql: Cursor, column: str, table: str) -> list[str]:
    mysql.execute(f"SELECT {column} FROM {table} ORDER BY 1")
    return [value for (value,) in mysql.fetchall()]


@pytest.fixture(autouse=True)
def without_rest(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("services.retention._REST_S", 0)


@pytest.mark.gen_test
@pytest.mark.parametrize("batch", [1, 2, 500])
async def test_old_rooms_go_but_for_the_newest_of_each_user(
    app: Application, mysql: Cursor, monkeypatch: pytest.MonkeyPatch, batch: int
) -> None:
    monkeypatch.setattr("services.retention._BATCH", batch)
    for userid, days, title in [
        ("alice", 200, "old"),
        ("alice", 100, "newest of alice"),
        ("bob", 95, "old"),
        ("bob", 1, "newest of bob"),
        ("carol", 89, "young"),
        ("carol", 2, "newest of carol"),
    ]:
        add_room(mysql, userid, days, title)
    mysql.execute(  # of one moment: the later row is the newer one
        "INSERT INTO tb_room (userid, title, location, frontcover, create_time)"
        " VALUES ('dave', 'old', '', '', '2020-01-01'), ('dave', 'newest of dave', '', '', '2020-01-01')"
    )
    assert await app.services.retention.run() == {"tb_room": 3}
    kept = ["newest of alice", "newest of bob", "newest of carol", "newest of dave", "young"]
    assert left(mysql, "title", "tb_room") == kept
    assert await app.services.retention.run() == {}


@pytest.mark.gen_test
async def test_rows_of_other_users_with_the_same_id_stay(app: Application, mysql: Cursor) -> None:
    mysql.execute(
        "INSERT INTO tb_room (userid, id, title, location, frontcover, create_time) VALUES"
        " ('alice', 1, 'old', '', '', '2020-01-01'), ('alice', 2, 'newest of alice', '', '', '2020-01-02'),"
        " ('bob', 1, 'newest of bob', '', '', '2020-01-01')"
    )
    assert await app.services.retention.run() == {"tb_room": 1}
    assert left(mysql, "title", "tb_room") == ["newest of alice", "newest of bob"]


@pytest.mark.gen_test
async def test_unusable_events_and_what_is_left_of_deleted_replays_go(
    api: Api, app: Application, mysql: Cursor
) -> None:
    await api.user("anchor")
    for event_id, days in (("old", 31), ("young", 29)):
        add_event(mysql, event_id, days)
    await deliver(api, recorded("m1", 0, 400), recorded("m2", 500, 900), recorded("m3", 1000, 1400))
    for file_id in ("m1", "m2"):
        await app.services.videos.delete_replay("anchor", file_id)
    mysql.execute("UPDATE tb_vod_file SET deleted_at = UTC_TIMESTAMP() - INTERVAL 31 DAY WHERE file_id = 'm1'")
    assert await app.services.retention.run() == {"tb_undelivered_callback": 1, "tb_vod_file": 1}
    assert left(mysql, "event_id", "tb_undelivered_callback") == ["young"]
    assert left(mysql, "file_id", "tb_vod_file") == ["m2", "m3"]


@pytest.mark.gen_test
@pytest.mark.conf("--retention.replay_days", "7")
async def test_old_replays_go_when_that_is_set(
    api: Api, app: Application, mysql: Cursor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("services.retention._BATCH", 2)
    user = await api.user("anchor")
    await deliver(api, *(recorded(name, 0, 400) for name in ("m1", "h1", "m2", "m3")))
    insert(mysql, "anchor", "young", f"{datetime.now() - timedelta(days=6)}")
    mysql.execute("DELETE FROM tb_ugc")
    assert len(await replays(api, user.token)) == 4
    assert await app.services.retention.run() == {"tb_vod": 3, "tb_vod_file": 4}
    assert [row["file_id"] for row in await replays(api, user.token)] == ["young"]


@pytest.mark.gen_test
@pytest.mark.conf("--retention.room_days", "0", "--retention.undelivered_days", "0")
async def test_zero_keeps_rows_for_ever(api: Api, app: Application, mysql: Cursor) -> None:
    await api.user("anchor")
    await deliver(api, recorded("m1", 0, 400))
    for title in ("old", "older"):
        add_room(mysql, "anchor", 10_000, title)
        add_event(mysql, title, 10_000)
    assert await app.services.retention.run() == {}
    assert (left(mysql, "title", "tb_room"), len(left(mysql, "body", "tb_undelivered_callback"))) == (
        ["old", "older"],
        2,
    )


@pytest.mark.gen_test
async def test_an_interrupted_deletion_is_finished(api: Api, app: Application, mysql: Cursor) -> None:
    await api.user("alice")
    add_room(mysql, "alice", 1)
    mysql.execute("UPDATE tb_account SET deleted_at = UTC_TIMESTAMP(), password = '' WHERE userid = 'alice'")
    assert await app.services.retention.run() == {"tb_account": 1}
    assert left(mysql, "userid", "tb_account") == left(mysql, "userid", "tb_room") == []


@pytest.mark.both_kinds_of_redis
@pytest.mark.gen_test
async def test_of_two_processes_one_does_the_work(
    app: Application, conf: Settings, mysql: Cursor, store: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("services.retention._BATCH", 1)
    for number in range(20):
        add_event(mysql, f"{number}", 31)
    async with open_services(conf) as other:
        results = await gen.multi([services.retention.run() for services in (app.services, other) * 2])
        assert [result for result in results if result is not None] == [{"tb_undelivered_callback": 20}]
        assert store.get(KEY) == b"done"
        assert RUNNING_S < store.ttl(KEY) <= DONE_S
        assert await other.retention.run(early=False) is None  # not due yet
        assert await other.retention.run() == {}


@pytest.mark.gen_test
async def test_a_process_that_died_blocks_the_others_for_a_minute_at_most(
    app: Application, mysql: Cursor, store: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    add_event(mysql, "old", 31)
    store.set(KEY, "token of a process that died")
    assert await app.services.retention.run() is None
    store.delete(KEY)  # it has expired
    lifetimes = []
    delete = undelivered.delete_older

    async def spy(db: Queries, before: datetime, count: int) -> int:
        lifetimes.append(store.ttl(KEY))
        return await delete(db, before, count)

    monkeypatch.setattr(undelivered, "delete_older", spy)
    assert await app.services.retention.run() == {"tb_undelivered_callback": 1}
    assert all(0 < lifetime <= RUNNING_S for lifetime in lifetimes)


@pytest.mark.gen_test
async def test_a_process_that_has_lost_its_lease_stops(
    app: Application, mysql: Cursor, store: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("services.retention._BATCH", 1)
    for event_id in ("1", "2"):
        add_event(mysql, event_id, 31)
    delete = undelivered.delete_older

    async def lose(db: Queries, before: datetime, count: int) -> int:
        store.set(KEY, "another")
        return await delete(db, before, count)

    monkeypatch.setattr(undelivered, "delete_older", lose)
    assert await app.services.retention.run() == {"tb_undelivered_callback": 1}
    assert store.get(KEY) == b"another"


@pytest.mark.gen_test
async def test_the_job_removes_rows_in_the_background_and_says_so(
    app: Application, mysql: Cursor, monkeypatch: pytest.MonkeyPatch, logged: list[dict[str, object]]
) -> None:
    monkeypatch.setattr("services.retention._LOOK_S", 0)
    add_event(mysql, "old", 31)
    async with app.services.retention.running():
        async with asyncio.timeout(20):
            while not logged:
                await asyncio.sleep(0.01)
    assert [(line["event"], line["rows"]) for line in logged] == [("old rows removed", {"tb_undelivered_callback": 1})]
    assert app.services.metrics.retention_rows["tb_undelivered_callback"] == 1


@pytest.mark.gen_test
async def test_a_stop_interrupts_a_removal_at_once_and_frees_the_lease(
    app: Application, mysql: Cursor, store: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("services.retention._LOOK_S", 0)
    began = asyncio.Event()

    async def endless(db: Queries, before: datetime, count: int) -> int:
        began.set()
        await asyncio.Event().wait()
        return 0

    monkeypatch.setattr(undelivered, "delete_older", endless)
    async with asyncio.timeout(20), app.services.retention.running():
        await began.wait()
    assert store.get(KEY) in (b"done", None)
    assert store.ttl(KEY) <= 1


@pytest.mark.gen_test
@pytest.mark.parametrize("store_name", ["mysql", "redis"])
async def test_a_store_that_is_away_is_one_warning(
    app: Application, monkeypatch: pytest.MonkeyPatch, logged: list[dict[str, object]], store_name: str
) -> None:
    async def fail(*args: object, **kwargs: object) -> int:
        raise StoreUnavailable(store_name, "gone", "call")

    if store_name == "mysql":
        monkeypatch.setattr(account, "deleted", fail)
    else:
        monkeypatch.setattr(app.services.retention._lease, "acquire", fail)
    await app.services.retention._run_if_due()
    assert [(line["event"], line["level"], line["store"]) for line in logged] == [
        ("old rows not removed", "warning", store_name)
    ]


class Spy:
    """Replaces the database of a model and remembers the statement."""

    async def fetch_all(self, sql: str, args: Sequence[object] = ()) -> list[Row]:
        self.statement = (sql, args)
        return []

    async def execute(self, sql: str, args: Sequence[object] = ()) -> int:
        self.statement = (sql, args)
        return 0


@pytest.mark.gen_test
async def test_old_rows_are_found_by_an_index(mysql: Cursor) -> None:
    mysql.execute(
        "INSERT INTO tb_room (userid, title, location, frontcover)"
        " SELECT CONCAT('user', seq % 100), '', '', '' FROM seq_1_to_2000"
    )
    mysql.execute("INSERT INTO tb_undelivered_callback (event_id, body) SELECT seq, '' FROM seq_1_to_2000")
    mysql.execute("ANALYZE TABLE tb_room, tb_undelivered_callback")
    spy, before = Spy(), datetime(2020, 1, 1)
    db = cast(Queries, spy)
    expected = {
        room.older(db, before, room.FIRST, 500): {"by_age", "in_force"},
        room.delete(db, [Key("user1", "1"), Key("user2", "2")]): {None, "PRIMARY"},
        undelivered.delete_older(db, before, 500): {"by_age"},
        vod.delete_cleared_files(db, before, 500): {"by_deletion"},
        vod.older(db, before, 500): {"newest"},
        account.deleted(db, 500): {"by_deletion"},
    }
    for query, indexes in expected.items():
        await query
        mysql.execute("EXPLAIN " + spy.statement[0], spy.statement[1])
        plan = [dict(zip([column[0] for column in mysql.description], row, strict=True)) for row in mysql.fetchall()]
        assert {step["key"] for step in plan} == indexes
        assert not [step for step in plan if "filesort" in step["Extra"]]
