"""More work than the server can do: it refuses what it cannot do in time, and does the rest."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

import pytest
from pymysql.cursors import Cursor

from handlers.transport.application import Application
from services.snapshot import Feed
from tests.harness.client import PASSWORD, Api, User, request
from tests.harness.main_process import PATIENCE
from tests.harness.stores import connect_mysql

SLOW_HASHES = ("--password.time_cost", "16", "--password.memory_kib", "8192", "--password.max_wait", "60")


@contextmanager
def locked(statement: str = "SELECT * FROM tb_account FOR UPDATE") -> Iterator[None]:
    """Rows or tables that nobody else gets at."""
    with connect_mysql() as holder:
        holder.cursor().execute(statement)
        yield


async def until_in_work(app: Application, count: int) -> None:
    """Return when the application works on so many requests."""
    async with asyncio.timeout(PATIENCE):
        while len(app.work) != count:
            await asyncio.sleep(0.001)


def rename(api: Api, user: User) -> "asyncio.Future[dict[str, Any]]":
    """A write to a user's row."""
    return asyncio.ensure_future(api.call("/upload_user_info", {"nickname": "x"}, token=user.token))


@pytest.mark.gen_test
@pytest.mark.conf(*SLOW_HASHES)
@pytest.mark.parametrize("leave", ["abort", "write_eof"])
async def test_a_hash_is_dropped_when_its_client_leaves(
    api: Api, app: Application, http_port: int, mysql: Cursor, leave: str
) -> None:
    writers = []
    for number in range(20):
        _, writer = await asyncio.open_connection("127.0.0.1", http_port)
        writer.write(request("/register", {"userid": f"u{number}", "password": PASSWORD}, ""))
        writers.append(writer)
    while not app.services.metrics.argon2_waiting.samples()[()][0]:
        await asyncio.sleep(0.001)
    for writer in writers:
        getattr(writer.transport, leave)()
    await until_in_work(app, 0)
    mysql.execute("SELECT COUNT(*) FROM tb_account")
    assert (mysql.fetchone() or (20,))[0] < 10
    refusals = app.services.metrics.refusals
    assert refusals["client_left"] >= 10
    assert refusals["client_left"] == sum(refusals.values())
    assert (await api.user("alice")).userid == "alice"
    for writer in writers:
        writer.close()
        with suppress(ConnectionError):
            await writer.wait_closed()


@pytest.mark.gen_test
@pytest.mark.conf("--http.deadline", "0.3", "--mysql.query_timeout", "60")
async def test_a_statement_ends_at_the_deadline_of_its_request(api: Api, logged: list[dict[str, Any]]) -> None:
    user = await api.user()
    with locked():
        answer = await rename(api, user)
    assert answer == {"code": 503, "message": "temporarily unavailable"}
    (line,) = (event for event in logged if event["event"] == "store unavailable")
    assert (line["call"], line["error"]) == ("UPDATE tb_account", "no answer in time")


@pytest.mark.gen_test
@pytest.mark.conf("--http.deadline", "0.3", "--mysql.query_timeout", "60")
async def test_who_waits_for_the_look_up_of_others_is_answered_at_the_deadline(
    api: Api, app: Application, logged: list[dict[str, Any]]
) -> None:
    user = await api.user()
    with locked("LOCK TABLES tb_account WRITE"):
        answer = await api.call("/get_user_info", token=user.token)
        assert answer == {"code": 503, "message": "not served in time"}
        assert (await api.call("/get_vod_sign", token=user.token))["code"] == 200
    assert [event["route"] for event in logged if event["event"] == "deadline passed"] == ["/get_user_info"]
    assert app.services.metrics.refusals["deadline"] == 1
    await until_in_work(app, 0)
    assert (await api.call("/get_user_info", token=user.token))["code"] == 200


@pytest.mark.gen_test
@pytest.mark.conf(
    "--http.deadline", str(PATIENCE), "--http.long_deadline", "0.1", "--mysql.query_timeout", str(PATIENCE)
)
async def test_the_long_deadline_shortens_no_other_one(api: Api, app: Application) -> None:
    user = await api.user()
    with locked("LOCK TABLES tb_account WRITE"):
        deletion = asyncio.ensure_future(api.call("/delete_account", {"password": PASSWORD}, token=user.token))
        await until_in_work(app, 1)
        await asyncio.sleep(0.2)
    assert (await deletion)["code"] == 200


@pytest.mark.gen_test
@pytest.mark.conf("--http.deadline", "0.5", *SLOW_HASHES)
async def test_the_wait_for_a_hash_comes_on_top_of_the_deadline(api: Api) -> None:
    bodies = [{"userid": f"u{number}", "password": PASSWORD} for number in range(12)]  # some 50 ms each
    answers = await asyncio.gather(*(api.call("/register", body) for body in bodies))
    assert {answer["code"] for answer in answers} == {200}


@pytest.mark.gen_test
@pytest.mark.conf("--http.max_requests", "2", "--http.deadline", str(PATIENCE), "--mysql.query_timeout", str(PATIENCE))
async def test_a_process_works_on_a_bounded_number_of_requests(api: Api, app: Application) -> None:
    users = [await api.user() for _ in range(3)]
    with locked():
        updates = [rename(api, user) for user in users[:2]]
        await until_in_work(app, 2)
        refused = await rename(api, users[2])
        assert refused == {"code": 503, "message": "too many requests at once"}
        assert app.services.metrics.refusals["max_requests"] == 1
        assert (await api.fetch("/readyz", method="GET")).code == 200
    assert [answer["code"] for answer in await asyncio.gather(*updates)] == [200, 200]
    assert (await rename(api, users[2]))["code"] == 200


@pytest.mark.gen_test
@pytest.mark.conf(
    *("--http.max_requests_per_user", "2"),
    *("--http.deadline", str(PATIENCE), "--mysql.query_timeout", str(PATIENCE)),
)
async def test_a_user_has_a_bounded_number_of_requests_in_work(api: Api, app: Application) -> None:
    busy, other = await api.user(), await api.user()
    with locked():
        updates = [rename(api, busy) for _ in range(2)]
        await until_in_work(app, 2)
        assert (await rename(api, busy))["message"] == "too many requests of this user at once"
        assert app.services.metrics.refusals["max_requests_per_user"] == 1
        assert (await api.call("/get_user_info", token=other.token))["code"] == 200
    assert [answer["code"] for answer in await asyncio.gather(*updates)] == [200, 200]
    assert (await rename(api, busy))["code"] == 200


@pytest.mark.gen_test
async def test_a_table_that_is_stuck_stops_only_those_who_need_it(api: Api, app: Application) -> None:
    users = [await api.user() for _ in range(20)]
    video = {"file_id": "f", "title": "", "play_url": "https://example.com/x"}
    with locked("LOCK TABLES tb_ugc WRITE"):
        stuck = [asyncio.ensure_future(api.call("/upload_ugc", video, token=user.token)) for user in users]
        stuck += [
            asyncio.ensure_future(api.call("/get_ugc_list", {"index": index}, token=users[0].token))
            for index in range(20)
        ]
        await until_in_work(app, 40)
        async with asyncio.timeout(PATIENCE / 2):
            assert (await api.call("/get_user_info", token=users[0].token))["code"] == 200
            assert (await api.call("/get_vod_list", token=users[0].token))["code"] == 200
            assert (await api.call("/upload_room", {"title": ""}, token=users[0].token))["code"] == 200
            assert (await api.call("/upload_user_info", {"sex": 1}, token=users[0].token))["code"] == 200
            assert (await api.fetch("/readyz", method="GET")).code == 200
    assert {answer["code"] for answer in await asyncio.gather(*stuck)} <= {200, 503}


@pytest.mark.gen_test
async def test_two_pages_of_a_list_that_are_not_cached_are_read_at_a_time(
    api: Api, app: Application, mysql: Cursor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("services.videos._MAX_WAIT_S", PATIENCE)
    user = await api.user()
    with locked("LOCK TABLES tb_vod WRITE"):
        pages = [
            asyncio.ensure_future(api.call("/get_vod_list", {"index": index}, token=user.token))
            for index in range(1, 11)
        ]
        async with asyncio.timeout(PATIENCE):
            while app.services.videos._pages[Feed.REPLAYS].waiting < 8:
                await asyncio.sleep(0.001)
        reading = mysql.execute(
            "SELECT 1 FROM information_schema.processlist WHERE db = DATABASE() AND info LIKE '%tb_vod v FORCE%'"
            " AND id <> CONNECTION_ID()"
        )
        assert reading <= 2
    assert {answer["code"] for answer in await asyncio.gather(*pages)} == {200}


@pytest.mark.gen_test
@pytest.mark.conf(
    *("--mysql.pool_size", "1", "--mysql.acquire_timeout", "1"),
    *("--http.deadline", str(PATIENCE), "--mysql.query_timeout", str(PATIENCE)),
)
async def test_a_request_without_a_connection_is_no_failure_of_mysql(api: Api, app: Application) -> None:
    users = [await api.user() for _ in range(2)]
    metrics = app.services.metrics
    with locked():
        update = rename(api, users[0])
        async with asyncio.timeout(PATIENCE):
            while metrics.mysql_connections.samples()[("in_use",)] != [1]:
                await asyncio.sleep(0.001)
        assert await rename(api, users[1]) == {"code": 503, "message": "temporarily unavailable"}
    assert (metrics.store_errors["mysql", "busy"], metrics.store_errors["mysql", "unavailable"]) == (1, 0)
    assert (metrics.refusals["mysql_connections"], metrics.refusals["store_unavailable"]) == (1, 0)
    assert (await update)["code"] == 200


@pytest.mark.gen_test
async def test_a_reader_who_waits_too_long_for_a_page_is_counted(
    api: Api, app: Application, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("services.videos._MAX_WAIT_S", 0.1)
    user = await api.user()
    with locked("LOCK TABLES tb_vod WRITE"):
        pages = [
            asyncio.ensure_future(api.call("/get_vod_list", {"index": index}, token=user.token)) for index in (1, 2, 3)
        ]
        done, _ = await asyncio.wait(pages, return_when=asyncio.FIRST_COMPLETED)
        assert [page.result()["code"] for page in done] == [503]
    assert app.services.metrics.refusals["pages"] == 1
    await asyncio.wait(pages)


@pytest.mark.gen_test
@pytest.mark.conf("--compat.short_video", "true", "--performance.page_ttl", "0")
async def test_the_first_pages_of_a_list_wait_for_no_other_page(
    api: Api, app: Application, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("services.videos._MAX_WAIT_S", 0.05)
    user = await api.user()
    for gate in app.services.videos._pages.values():
        while gate.enter_now():
            pass
    pages = [(0, 20), (20, 20), (40, 10), (0, 51), (60, 20), (1, 20)]
    for path in ("/get_vod_list", "/get_ugc_list"):
        bodies = [{"index": index, "count": count} for index, count in pages]
        codes = [(await api.call(path, body, token=user.token))["code"] for body in bodies]
        assert codes == [200, 200, 200, 503, 503, 503]
    first = await api.call("/lite/get_ugc_list", {"index": 1, "count": 10})  # a page number
    assert first["code"] == 200


@pytest.mark.gen_test
@pytest.mark.conf("--mysql.pool_size", "1")
async def test_readyz_needs_no_connection_of_the_requests(api: Api, app: Application) -> None:
    user = await api.user()
    with locked():
        update = rename(api, user)
        await until_in_work(app, 1)
        async with asyncio.timeout(PATIENCE / 2):
            assert (await api.fetch("/readyz", method="GET")).code == 200
    assert (await update)["code"] == 200
