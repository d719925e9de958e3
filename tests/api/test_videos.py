"""The lists, and the uploads that fill them."""

import asyncio
import re
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, cast

import aiomysql
import pytest
from pymysql.cursors import Cursor
from tornado import gen

from conf.settings import Settings
from models import ugc, vod
from models.database import Queries, Row
from tests.harness.client import Api, User
from tests.harness.lists import LISTS, VIDEO, insert, listed
from tests.harness.second_application import another_process
from tests.harness.stores import connect_mysql


@pytest.fixture
def statements(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The statements that the server under test sends to MySQL."""
    sent: list[str] = []
    query = aiomysql.Connection.query

    async def recorded(connection: aiomysql.Connection, sql: str, *args: Any) -> Any:
        sent.append(sql)
        return await query(connection, sql, *args)

    monkeypatch.setattr(aiomysql.Connection, "query", recorded)
    return sent


@pytest.mark.gen_test
@pytest.mark.parametrize("path", LISTS)
async def test_newest_first_then_by_file_id_in_pages_without_gaps(api: Api, mysql: Cursor, path: str) -> None:
    user = await api.user()
    for number in range(25):
        insert(mysql, user.userid, f"f{number:02}", f"2026-01-01 00:00:{number // 2:02}")
    everything = await listed(api, path, user.token, index="0", count=200)
    assert [row["file_id"] for row in everything] == [f"f{number:02}" for number in reversed(range(25))]
    assert await listed(api, path, user.token) == everything[:20]
    pages = [await listed(api, path, user.token, index=index, count=10) for index in (0, 10, 20, 30)]
    assert [row for page in pages for row in page] == everything
    assert await listed(api, path, user.token, index=3, count="2") == everything[3:5]


@pytest.mark.gen_test
@pytest.mark.parametrize("path", LISTS)
async def test_at_most_500_rows_are_served(api: Api, mysql: Cursor, path: str) -> None:
    user = await api.user()
    for number in range(501):
        insert(mysql, user.userid, f"f{number}", "2026-01-01")
    assert len(await listed(api, path, user.token, count=1000)) == 500
    assert len(await listed(api, path, user.token, index=10**18)) == 0


@pytest.mark.gen_test
@pytest.mark.parametrize("path", LISTS)
async def test_rows_show_the_authors_current_profile(api: Api, mysql: Cursor, path: str) -> None:
    author, reader = await api.user(), await api.user()
    insert(mysql, author.userid, "f", "2026-01-01")
    for nickname in ("first", "second"):
        await api.call("/upload_user_info", {"nickname": nickname, "avatar": f"http://{nickname}"}, token=author.token)
        (row,) = await listed(api, path, reader.token)
        assert (row["nickname"], row["avatar"]) == (nickname, f"http://{nickname}")


@pytest.mark.gen_test
@pytest.mark.parametrize(
    "shown",
    [
        pytest.param("2026-01-01 08:00:00", id="default"),
        pytest.param("2026-01-01 00:00:00", id="utc", marks=pytest.mark.conf("--timezone", "UTC")),
        pytest.param("2025-12-31 19:00:00", id="west", marks=pytest.mark.conf("--timezone", "America/New_York")),
    ],
)
async def test_times_are_shown_in_the_configured_zone(api: Api, mysql: Cursor, shown: str) -> None:
    user = await api.user()
    insert(mysql, user.userid, "f", "2026-01-01")
    (replay,) = await listed(api, "/get_vod_list", user.token)
    (video,) = await listed(api, "/get_ugc_list", user.token)
    assert replay["create_time"] == replay["start_time"] == video["create_time"] == shown


@pytest.mark.gen_test
@pytest.mark.conf("--live.vod_window_days", "7")
async def test_replays_older_than_the_window_are_not_listed(api: Api, mysql: Cursor) -> None:
    user = await api.user()
    now = datetime.now(UTC)
    for file_id, age in (("new", timedelta(days=6, hours=23)), ("old", timedelta(days=7, hours=1))):
        insert(mysql, user.userid, file_id, (now - age).strftime("%Y-%m-%d %H:%M:%S"))
    assert [row["file_id"] for row in await listed(api, "/get_vod_list", user.token)] == ["new"]
    assert len(await listed(api, "/get_ugc_list", user.token)) == 2


@pytest.mark.gen_test
async def test_a_published_video_is_listed_at_once_as_it_was_sent(api: Api) -> None:
    user = await api.user()
    assert await api.call("/upload_ugc", VIDEO, token=user.token) == {"code": 200, "message": "OK"}
    (row,) = await listed(api, "/get_ugc_list", user.token)
    datetime.strptime(row.pop("create_time"), "%Y-%m-%d %H:%M:%S")
    assert row == {"userid": user.userid, "nickname": "", "avatar": "", **VIDEO}


@pytest.mark.gen_test
async def test_publishing_again_replaces_and_keeps_the_create_time(api: Api, mysql: Cursor) -> None:
    user, other = await api.user(), await api.user()
    await api.call("/upload_ugc", VIDEO, token=user.token)
    await api.call("/upload_ugc", VIDEO, token=other.token)
    mysql.execute("UPDATE tb_ugc SET create_time = '2026-01-01'")
    again = {**VIDEO, "title": "new", "location": "", "frontcover": "", "play_url": "http://new"}
    await api.call("/upload_ugc", again, token=user.token)
    rows = {row["userid"]: row for row in await listed(api, "/get_ugc_list", user.token)}
    assert rows[user.userid].items() >= {**again, "create_time": "2026-01-01 08:00:00"}.items()
    assert rows[other.userid].items() >= VIDEO.items()


@pytest.mark.gen_test
@pytest.mark.parametrize(
    ("sent", "kept"), [({}, "http://profile"), ({"frontcover": "http://own"}, "http://own"), ({"frontcover": ""}, "")]
)
async def test_rooms_are_a_history_with_the_profiles_frontcover_by_default(
    api: Api, mysql: Cursor, sent: dict[str, str], kept: str
) -> None:
    user: User = await api.user()
    await api.call("/upload_user_info", {"frontcover": "http://profile"}, token=user.token)
    for title in ("first", "second"):
        await api.call(
            "/upload_room", {"title": title, "location": "l", "frontCover": "ignored", **sent}, token=user.token
        )
    mysql.execute("SELECT userid, title, location, frontcover FROM tb_room ORDER BY id")
    assert list(mysql.fetchall()) == [(user.userid, "first", "l", kept), (user.userid, "second", "l", kept)]


@pytest.fixture
def many(mysql: Cursor) -> None:
    """2,000 rows of 50 authors in both lists, with statistics for the optimizer."""
    mysql.executemany("INSERT INTO tb_account (userid, password) VALUES (%s, '')", [(f"u{n}",) for n in range(50)])
    rows = [(f"u{n % 50}", f"f{n}", f"2026-01-01 00:{n // 60 % 60:02}:{n % 60:02}") for n in range(2000)]
    columns = "(userid, file_id, title, frontcover, location, play_url"
    mysql.executemany(f"INSERT INTO tb_ugc {columns}, create_time) VALUES (%s, %s, '', '', '', '', %s)", rows)
    mysql.executemany(
        f"INSERT INTO tb_vod {columns}, start_time, create_time) VALUES (%s, %s, '', '', '', '', '2026-01-01', %s)",
        rows,
    )
    mysql.execute("ANALYZE TABLE tb_vod, tb_ugc, tb_account")


class Spy:
    """Replaces the database of a model and remembers the statement."""

    async def fetch_all(self, sql: str, args: Sequence[object] = ()) -> list[Row]:
        self.statement = (sql, args)
        return []


@pytest.mark.gen_test
@pytest.mark.parametrize("since", [None, datetime(2020, 1, 1)])
@pytest.mark.parametrize("index", [0, 1500])
async def test_lists_are_read_in_the_order_of_an_index(
    many: None, mysql: Cursor, since: datetime | None, index: int
) -> None:
    spy = Spy()
    db = cast(Queries, spy)
    for query in (vod.newest(db, index, 20, since), ugc.newest(db, index, 20)):
        await query
        mysql.execute("EXPLAIN " + spy.statement[0], spy.statement[1])
        plan = [dict(zip([column[0] for column in mysql.description], row, strict=True)) for row in mysql.fetchall()]
        (derived,) = [step for step in plan if step["select_type"] == "DERIVED"]
        assert (derived["key"], "Using index" in derived["Extra"]) == (
            "newest_shown",
            True,
        )  # no row is read, none is sorted
        assert "filesort" not in derived["Extra"]
        page, *joined = [step for step in plan if step["select_type"] == "PRIMARY"]
        assert page["table"].startswith("<derived")  # only its rows are sorted
        assert [(step["key"], step["type"]) for step in joined] == [("PRIMARY", "eq_ref")] * 2


@pytest.mark.gen_test
@pytest.mark.parametrize("path", LISTS)
@pytest.mark.parametrize("count", [1, 20, 500])
async def test_a_list_of_any_length_is_one_statement(
    many: None, api: Api, statements: list[str], path: str, count: int
) -> None:
    user = await api.user()
    statements.clear()
    assert len(await listed(api, path, user.token, count=count)) == count
    assert len(statements) == 1


@pytest.mark.gen_test
@pytest.mark.parametrize("path", LISTS)
async def test_an_empty_list_is_a_list(api: Api, path: str) -> None:
    user = await api.user()
    assert await api.call(path, token=user.token) == {"code": 200, "message": "OK", "data": {"list": []}}


@pytest.mark.gen_test
@pytest.mark.parametrize("path", LISTS)
async def test_pages_of_rows_alike_in_time_and_file_id_have_no_gaps(api: Api, mysql: Cursor, path: str) -> None:
    users = [await api.user() for _ in range(6)]
    for user in users:
        insert(mysql, user.userid, "same", "2026-01-01")
    pages = [await listed(api, path, users[0].token, index=index, count=1) for index in range(6)]
    assert sorted(row["userid"] for page in pages for row in page) == sorted(user.userid for user in users)


@pytest.mark.gen_test
@pytest.mark.parametrize(("path", "table"), [("/get_vod_list", "tb_vod"), ("/get_ugc_list", "tb_ugc")])
async def test_readers_far_down_a_list_leave_the_database_to_the_others(
    api: Api, mysql: Cursor, path: str, table: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("services.videos._MAX_WAIT_S", 0.3)
    user = await api.user()
    mysql.execute(f"LOCK TABLES {table} WRITE")
    try:
        far_down = [
            asyncio.ensure_future(api.call(path, {"index": 10_000 + number}, token=user.token)) for number in range(40)
        ]
        refused, _ = await asyncio.wait(far_down, return_when=asyncio.FIRST_COMPLETED)
        assert {task.result()["code"] for task in refused} == {503}
        assert (await api.call("/get_user_info", token=user.token))["code"] == 200
        while sum(task.done() for task in far_down) < 39:
            await asyncio.sleep(0.01)
    finally:
        mysql.execute("UNLOCK TABLES")
    codes = [(await task)["code"] for task in far_down]
    assert (codes.count(200), codes.count(503)) == (1, 39)
    assert (await api.call(path, {"index": 20_000}, token=user.token))["code"] == 200


@pytest.mark.gen_test
async def test_replays_show_their_counts_as_integers(api: Api, mysql: Cursor) -> None:
    user = await api.user()
    insert(mysql, user.userid, "f", "2026-01-01")
    mysql.execute("UPDATE tb_vod SET like_count = 7, viewer_count = 4294967295")
    (row,) = await listed(api, "/get_vod_list", user.token)
    assert (row["like_count"], row["viewer_count"]) == (7, 4294967295)
    assert type(row["like_count"]) is type(row["viewer_count"]) is int


@pytest.mark.gen_test
async def test_old_replays_are_listed_by_default(api: Api, mysql: Cursor) -> None:
    user = await api.user()
    insert(mysql, user.userid, "f", "2001-01-01")
    assert len(await listed(api, "/get_vod_list", user.token)) == 1


@pytest.mark.gen_test
async def test_a_write_through_one_process_shows_at_once_through_the_other(api: Api, conf: Settings) -> None:
    user = await api.user()
    async with another_process(api, conf) as other:
        for number, (writer, reader) in enumerate([(api, other), (other, api)] * 10):
            video, nickname = {**VIDEO, "title": f"t{number}"}, f"n{number}"
            await writer.call("/upload_ugc", video, token=user.token)
            await writer.call("/upload_user_info", {"nickname": nickname}, token=user.token)
            (row,) = await listed(reader, "/get_ugc_list", user.token)
            assert (row["title"], row["nickname"]) == (video["title"], nickname)


@pytest.mark.gen_test
async def test_publishing_one_video_at_once_leaves_one_of_them_whole(api: Api) -> None:
    user = await api.user()
    videos = [{**VIDEO, "title": f"t{n}", "location": f"l{n}", "play_url": f"http://v/{n}"} for n in range(50)]
    answers = await gen.multi([api.call("/upload_ugc", video, token=user.token) for video in videos])
    assert {answer["code"] for answer in answers} == {200}
    (row,) = await listed(api, "/get_ugc_list", user.token)
    assert {name: row[name] for name in VIDEO} in videos


@pytest.mark.gen_test
async def test_videos_published_at_once_are_all_listed(api: Api) -> None:
    users = await gen.multi([api.user() for _ in range(5)])
    sent = [(user, {**VIDEO, "file_id": f"f{n}"}) for user in users for n in range(10)]
    await gen.multi([api.call("/upload_ugc", video, token=user.token) for user, video in sent])
    rows = await listed(api, "/get_ugc_list", users[0].token, count=500)
    shown = [(row["userid"], row["file_id"]) for row in rows]
    assert sorted(shown) == sorted((user.userid, video["file_id"]) for user, video in sent)


@pytest.mark.gen_test
async def test_a_room_keeps_the_frontcover_of_its_upload(api: Api, mysql: Cursor) -> None:
    user = await api.user()
    for cover in ("", "http://first", "http://second"):
        await api.call("/upload_user_info", {"frontcover": cover}, token=user.token)
        await api.call("/upload_room", {"title": "t"}, token=user.token)
    mysql.execute("SELECT frontcover, location FROM tb_room ORDER BY id")
    assert list(mysql.fetchall()) == [("", ""), ("http://first", ""), ("http://second", "")]


@pytest.mark.gen_test
async def test_a_room_repeated_within_a_minute_is_kept_once(api: Api, mysql: Cursor) -> None:
    user, other = await api.user(), await api.user("other")
    room = {"title": "标题", "location": "深圳", "frontcover": "http://f"}
    for token in (user.token, other.token, user.token, user.token):
        assert (await api.call("/upload_room", room, token=token))["code"] == 200
    mysql.execute("SELECT userid FROM tb_room ORDER BY id")
    assert mysql.fetchall() == ((user.userid,), (other.userid,))


@pytest.mark.gen_test
@pytest.mark.parametrize("field", ["title", "location"])
async def test_a_room_with_another_space_at_its_end_is_no_repetition(api: Api, mysql: Cursor, field: str) -> None:
    user = await api.user()
    for text in ("x", "x ", "X"):
        assert (await api.call("/upload_room", {"title": "t", field: text}, token=user.token))["code"] == 200
    mysql.execute(f"SELECT {field} FROM tb_room ORDER BY id")
    assert mysql.fetchall() == (("x",), ("x ",), ("X",))


@pytest.mark.gen_test
async def test_a_room_repeated_before_its_answer_is_kept_once(api: Api, mysql: Cursor) -> None:
    user = await api.user()
    with connect_mysql() as connection, connection.cursor() as cursor:
        cursor.execute("SELECT id FROM tb_room FOR UPDATE")  # locks the gap that new rows come into
        calls = [api.call("/upload_room", {"title": "t"}, token=user.token) for _ in range(5)]
        answers = gen.multi(calls)
        while mysql.execute("SELECT trx_id FROM information_schema.innodb_trx WHERE trx_state = 'LOCK WAIT'") < 5:
            await gen.sleep(0.15)  # InnoDB renews this table only when nobody has read it for 0.1 s
        connection.rollback()
        assert {answer["code"] for answer in await answers} == {200}
    assert mysql.execute("SELECT id FROM tb_room") == 1


@pytest.mark.gen_test
@pytest.mark.parametrize("field", ["title", "location", "frontcover"])
async def test_only_the_newest_room_can_be_repeated(api: Api, mysql: Cursor, field: str) -> None:
    user = await api.user()
    room = {"title": "t", "location": "l", "frontcover": "http://f"}
    for sent in (room, {**room, field: "http://other"}, room, room):
        assert (await api.call("/upload_room", sent, token=user.token))["code"] == 200
    mysql.execute(f"SELECT {field} FROM tb_room ORDER BY id")
    assert [text for (text,) in mysql.fetchall()] == [room[field], "http://other", room[field]]


@pytest.mark.gen_test
async def test_a_room_uploaded_again_after_a_minute_is_new(api: Api, mysql: Cursor) -> None:
    user = await api.user()
    counts = []
    for age_s in (0, 59, 61):
        mysql.execute("UPDATE tb_room SET create_time = NOW(6) - INTERVAL %s SECOND", (age_s,))
        await api.call("/upload_room", {"title": "t"}, token=user.token)
        counts.append(mysql.execute("SELECT id FROM tb_room"))
    assert counts == [1, 1, 2]


@pytest.mark.gen_test
async def test_rooms_uploaded_at_once_are_all_kept(api: Api, mysql: Cursor) -> None:
    user = await api.user()
    titles = [f"t{n:02}" for n in range(50)]
    answers = await gen.multi([api.call("/upload_room", {"title": title}, token=user.token) for title in titles])
    assert {answer["code"] for answer in answers} == {200}
    mysql.execute("SELECT title FROM tb_room ORDER BY title")
    assert [row[0] for row in mysql.fetchall()] == titles


@pytest.mark.gen_test
async def test_a_new_video_is_stamped_with_the_time_of_its_publication(api: Api) -> None:
    user = await api.user()
    before = datetime.now(UTC).replace(microsecond=0)
    await api.call("/upload_ugc", VIDEO, token=user.token)
    (row,) = await listed(api, "/get_ugc_list", user.token)
    assert re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d", row["create_time"])
    shown = datetime.fromisoformat(row["create_time"] + "+08:00")
    assert before <= shown <= datetime.now(UTC)


@pytest.mark.gen_test
@pytest.mark.conf("--live.vod_window_days", "36500")
async def test_the_longest_window_lists_old_replays(api: Api, mysql: Cursor) -> None:
    user = await api.user()
    insert(mysql, user.userid, "f", "2001-01-01")
    assert len(await listed(api, "/get_vod_list", user.token)) == 1


@pytest.mark.gen_test
@pytest.mark.conf("--compat.official_apps", "true")
@pytest.mark.parametrize("path", LISTS)
async def test_the_official_apps_get_images_over_http_and_videos_as_stored(api: Api, mysql: Cursor, path: str) -> None:
    user = await api.user()
    await api.call("/upload_user_info", {"avatar": "https://e.com/a.png"}, token=user.token)
    insert(mysql, user.userid, "f1", "2026-01-01")
    for table in ("tb_vod", "tb_ugc"):
        mysql.execute(f"UPDATE {table} SET frontcover = 'https://e.com/c.png', play_url = 'https://e.com/v.mp4'")
    (row,) = await listed(api, path, user.token)
    images = (row["avatar"], row["frontcover"], row["play_url"])
    assert images == ("http://e.com/a.png", "http://e.com/c.png", "https://e.com/v.mp4")


@pytest.mark.gen_test
async def test_videos_of_one_second_are_listed_newest_first(api: Api, mysql: Cursor) -> None:
    user = await api.user()
    file_ids = [f"f{number}" for number in (3, 1, 4, 0, 2)]
    for file_id in file_ids:
        assert (await api.call("/upload_ugc", {**VIDEO, "file_id": file_id}, token=user.token))["code"] == 200
    mysql.execute("UPDATE tb_ugc SET create_time = '2026-01-01' + INTERVAL MICROSECOND(create_time) MICROSECOND")
    mysql.execute("SELECT file_id FROM tb_ugc ORDER BY create_time DESC")
    newest_first = [file_id for (file_id,) in mysql.fetchall()]
    mysql.execute("SELECT COUNT(DISTINCT create_time) FROM tb_ugc")
    assert mysql.fetchone() == (len(file_ids),)
    rows = await listed(api, "/get_ugc_list", user.token)
    assert [row["file_id"] for row in rows] == newest_first
    assert {row["create_time"] for row in rows} == {"2026-01-01 08:00:00"}
