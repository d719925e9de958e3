"""/change_password, /delete_account, /delete_vod and /delete_ugc (decisions, sections 10 and 11)."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any

import pytest
from pymysql.cursors import Cursor
from redis import Redis
from tornado import gen

from conf.settings import Settings
from handlers.transport.application import Application
from models import account
from models.database import Queries
from models.errors import StoreUnavailable
from services.errors import Code, ServiceError
from tests.api.test_recordings import recorded, replays
from tests.api.test_recordings import store as deliver
from tests.harness.client import PASSWORD, Api, User
from tests.harness.lists import LISTS, VIDEO, listed
from tests.harness.second_application import another_process

OWNED = ("tb_account", "tb_room", "tb_vod", "tb_vod_file", "tb_ugc")
NEW = "f" * 32


async def login_code(api: Api, userid: str, password: str) -> int:
    return int((await api.call("/login", {"userid": userid, "password": password}))["code"])


async def change(api: Api, user: User, old: str = PASSWORD, new: str = NEW) -> dict[str, object]:
    return await api.call("/change_password", {"old_password": old, "password": new}, token=user.token)


@asynccontextmanager
async def login_under_way(
    api: Api, app: Application, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator["asyncio.Task[int]"]:
    """A login of alice that has verified her password, and goes on at the end of the block; its code."""
    verified, go_on = asyncio.Event(), asyncio.Event()
    passwords = app.services.accounts._passwords
    verify = passwords.verify

    async def slow(stored: str, password: str) -> bool:
        result = await verify(stored, password)
        verified.set()
        await go_on.wait()
        return result

    with monkeypatch.context() as patch:
        patch.setattr(passwords, "verify", slow)
        login = asyncio.create_task(login_code(api, "alice", PASSWORD))
        await verified.wait()
    try:
        yield login
    finally:
        go_on.set()


async def publish(api: Api, user: User) -> None:
    """A row in every table; the userid is the stream's."""
    await api.call("/upload_room", {"title": "t"}, token=user.token)
    await api.call("/upload_ugc", VIDEO, token=user.token)
    await deliver(api, {**recorded("m1", 0, 400), "stream_id": f"5000_{user.userid}"})


def rows_of(mysql: Cursor, userid: str) -> dict[str, int]:
    counts = {}
    for table in OWNED:
        counts[table] = mysql.execute(f"SELECT 1 FROM {table} WHERE userid = %s", (userid,))
    return counts


@contextmanager
def interruption(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Every deletion fails before its last step."""

    async def fail(db: Queries, userid: str) -> None:
        raise StoreUnavailable("mysql", "gone", "DELETE tb_account")

    with monkeypatch.context() as patch:
        patch.setattr(account, "delete", fail)
        yield


@pytest.mark.both_kinds_of_redis
@pytest.mark.gen_test
@pytest.mark.parametrize("remember", [True, False])
async def test_a_changed_password_voids_the_old_one_and_the_session(api: Api, store: Redis, remember: bool) -> None:
    user = await api.user("alice")
    if not remember:
        store.delete("xzb:{alice}:verified")
    answer = await change(api, user)
    assert answer["code"] == 200
    assert answer["data"].keys() == {"token", "refresh_token", "expires"}  # type: ignore[attr-defined]
    assert (await api.call("/get_user_info", token=user.token))["code"] == 498
    assert (await api.call("/refresh", {"userid": "alice", "refresh_token": user.refresh_token}))["code"] == 498
    token = answer["data"]["token"]  # type: ignore[index]
    assert (await api.call("/get_user_info", token=token))["code"] == 200
    assert await login_code(api, "alice", PASSWORD) == 621
    assert await login_code(api, "alice", NEW) == 200


@pytest.mark.gen_test
@pytest.mark.conf("--limits.wrong_passwords", "3 per 10 minutes")
@pytest.mark.parametrize("path", ["/change_password", "/delete_account"])
async def test_a_wrong_password_changes_nothing_and_is_counted(api: Api, mysql: Cursor, path: str) -> None:
    user = await api.user("alice")
    body = {"old_password": "wrong", "password": "wrong"}
    codes = [(await api.call(path, body, token=user.token))["code"] for _ in range(4)]
    assert codes == [621, 621, 621, 429]
    assert await login_code(api, "alice", PASSWORD) == 429
    assert (await api.call("/get_user_info", token=user.token))["code"] == 200
    assert rows_of(mysql, "alice")["tb_account"] == 1


@pytest.mark.gen_test
async def test_a_right_password_is_not_counted(api: Api, store: Redis) -> None:
    user = await api.user("alice")
    assert (await change(api, user))["code"] == 200
    assert not store.keys("*wrong_passwords*")


@pytest.mark.gen_test
async def test_of_many_changes_at_once_one_succeeds_and_its_session_lives(api: Api) -> None:
    user = await api.user("alice")
    answers = await gen.multi([change(api, user, new=f"new{n}") for n in range(10)])
    (success,) = [answer for answer in answers if answer["code"] == 200]
    assert {answer["code"] for answer in answers} <= {200, 498, 621}
    number = answers.index(success)
    assert (await api.call("/get_user_info", token=success["data"]["token"]))["code"] == 200
    assert await login_code(api, "alice", f"new{number}") == 200


@pytest.mark.both_kinds_of_redis
@pytest.mark.gen_test
@pytest.mark.conf("--password.remember", "0")
@pytest.mark.parametrize("path", ["/change_password", "/delete_account"])
async def test_a_login_under_way_gets_no_session_from_a_password_that_is_gone(
    api: Api, app: Application, monkeypatch: pytest.MonkeyPatch, store: Redis, path: str
) -> None:
    user = await api.user("alice")
    async with login_under_way(api.at("127.0.0.66"), app, monkeypatch) as login:
        body = {"old_password": PASSWORD, "password": PASSWORD}
        assert (await api.call(path, body, token=user.token))["code"] == 200
        token = store.get("xzb:{alice}:token")
    assert await login == 503
    assert store.get("xzb:{alice}:token") == token
    assert store.zscore("xzb:{alice}:networks", "127.0.0.66") is None


@pytest.mark.gen_test
async def test_a_changed_password_forgets_the_networks_of_the_old_one(api: Api, store: Redis) -> None:
    await api.user("alice")
    user = await api.at("127.0.0.66").login("alice")
    assert store.zcard("xzb:{alice}:networks") == 2
    assert (await change(api, user))["code"] == 200
    assert store.zrange("xzb:{alice}:networks", 0, -1) == [b"127.0.0.1"]


@pytest.mark.both_kinds_of_redis
@pytest.mark.gen_test
async def test_a_deleted_account_is_gone_with_all_that_belongs_to_it(api: Api, mysql: Cursor, store: Redis) -> None:
    alice, bob = await api.user("alice"), await api.user("bob")
    for user in (alice, bob):
        await publish(api, user)
    for path in LISTS:
        assert len(await listed(api, path, bob.token)) == 2
    assert await api.call("/delete_account", {"password": PASSWORD}, token=alice.token) == {
        "code": 200,
        "message": "OK",
    }
    for path in LISTS:
        assert [row["userid"] for row in await listed(api, path, bob.token)] == ["bob"]
    assert set(rows_of(mysql, "alice").values()) == {0}
    assert set(rows_of(mysql, "bob").values()) == {1}
    assert store.keys("xzb:{alice}:*") == [b"xzb:{alice}:voided"]
    assert store.ttl("xzb:{alice}:voided") > 0
    assert (await api.call("/get_user_info", token=alice.token))["code"] == 498
    assert await login_code(api, "alice", PASSWORD) == 620
    await api.user("alice")
    assert set(rows_of(mysql, "alice").values()) == {0, 1}


@pytest.mark.gen_test
async def test_a_deletion_goes_through_many_rows_in_batches(
    api: Api, mysql: Cursor, app: Application, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("services.deletion._BATCH", 3)
    user = await api.user("alice")
    for number in range(10):
        await api.call("/upload_room", {"title": "t"}, token=user.token)
        await api.call("/upload_ugc", {**VIDEO, "file_id": f"f{number}"}, token=user.token)
    assert (await api.call("/delete_account", {"password": PASSWORD}, token=user.token))["code"] == 200
    assert set(rows_of(mysql, "alice").values()) == {0}


@pytest.mark.gen_test
async def test_until_a_deletion_is_done_the_user_is_gone_and_the_name_is_taken(
    api: Api, mysql: Cursor, monkeypatch: pytest.MonkeyPatch
) -> None:
    user, reader = await api.user("alice"), await api.user("reader")
    await publish(api, user)
    with interruption(monkeypatch):
        assert (await api.call("/delete_account", {"password": PASSWORD}, token=user.token))["code"] == 503
    assert (await api.call("/get_user_info", token=user.token))["code"] == 498
    assert await login_code(api, "alice", PASSWORD) == 620
    assert (await api.call("/register", {"userid": "alice", "password": PASSWORD}))["code"] == 612
    await deliver(api, {**recorded("m2", 1000, 1400), "stream_id": "5000_alice"})  # it is kept
    assert [row["file_id"] for row in await replays(api, reader.token)] == ["m1"]


@pytest.mark.gen_test
async def test_an_interrupted_deletion_is_finished_later_by_any_process(
    api: Api, app: Application, conf: Settings, mysql: Cursor, monkeypatch: pytest.MonkeyPatch
) -> None:
    user = await api.user("alice")
    await publish(api, user)
    with interruption(monkeypatch):
        assert (await api.call("/delete_account", {"password": PASSWORD}, token=user.token))["code"] == 503
    assert await app.services.deletion.finish(10) == 1
    assert set(rows_of(mysql, "alice").values()) == {0}
    assert await app.services.deletion.finish(10) == 0
    async with another_process(api, conf) as other:
        assert (await other.call("/register", {"userid": "alice", "password": PASSWORD}))["code"] == 200


@pytest.mark.gen_test
async def test_two_deletions_at_once_are_one(api: Api, conf: Settings, mysql: Cursor) -> None:
    user = await api.user("alice")
    await publish(api, user)
    async with another_process(api, conf) as other:
        calls = [one.call("/delete_account", {"password": PASSWORD}, token=user.token) for one in (api, other) * 3]
        codes = [answer["code"] for answer in await gen.multi(calls)]
    assert 200 in codes
    assert set(codes) <= {200, 498, 620, 621}
    assert set(rows_of(mysql, "alice").values()) == {0}


@pytest.mark.gen_test
async def test_a_late_deletion_leaves_the_next_user_of_the_name_alone(
    api: Api, app: Application, mysql: Cursor
) -> None:
    await api.user("alice")
    mysql.execute("SELECT password FROM tb_account WHERE userid = 'alice'")
    ((stored,),) = mysql.fetchall()
    await app.services.deletion.delete("alice", stored)
    successor = await api.user("alice")
    with pytest.raises(ServiceError) as refused:
        await app.services.deletion.delete("alice", stored)
    assert refused.value.code == Code.NO_SUCH_USER
    assert (await api.call("/get_user_info", token=successor.token))["code"] == 200


@pytest.mark.gen_test
@pytest.mark.parametrize("attempt", range(3))
async def test_recordings_during_a_deletion_leave_nothing_behind(api: Api, mysql: Cursor, attempt: int) -> None:
    user = await api.user("anchor")
    events = [recorded(f"m{number}", 1000 * number, 1000 * number + 400) for number in range(20)]
    deleting = api.call("/delete_account", {"password": PASSWORD}, token=user.token)
    calls = [api.fetch("/callback/tape_callback", json.dumps(body).encode()) for body in events]
    answers = await gen.multi([*calls[:10], deleting, *calls[10:]])
    assert {answer.code for answer in answers if not isinstance(answer, dict)} == {200}
    assert set(rows_of(mysql, "anchor").values()) == {0}


@pytest.mark.gen_test
@pytest.mark.parametrize(("path", "shown_in"), [("/delete_vod", "/get_vod_list"), ("/delete_ugc", "/get_ugc_list")])
async def test_users_delete_their_own_videos_and_no_others(api: Api, path: str, shown_in: str) -> None:
    alice, bob = await api.user("alice"), await api.user("bob")
    await publish(api, alice)
    (row,) = await listed(api, shown_in, bob.token)
    foreign = await api.call(path, {"file_id": row["file_id"]}, token=bob.token)
    unknown = await api.call(path, {"file_id": "unknown"}, token=bob.token)
    assert foreign == unknown == {"code": 601, "message": "file_id: the user has no such video"}
    assert len(await listed(api, shown_in, bob.token)) == 1
    own = await api.signed(path, json.dumps({"userid": "alice", "file_id": row["file_id"]}).encode(), alice.token)
    assert own == {"code": 200, "message": "OK"}
    assert await listed(api, shown_in, bob.token) == []
    assert (await api.call(path, {"file_id": row["file_id"]}, token=alice.token))["code"] == 601


def after_the_list_is_read(monkeypatch: pytest.MonkeyPatch, act: Callable[[], Awaitable[object]]) -> None:
    """Do something right after the first list of interrupted deletions has been read."""
    listed = account.deleted

    async def deleted(db: Queries, count: int) -> list[str]:
        userids = await listed(db, count)
        monkeypatch.setattr(account, "deleted", listed)
        await act()
        return userids

    monkeypatch.setattr(account, "deleted", deleted)


@pytest.mark.gen_test
async def test_finishing_deletions_spares_the_next_user_of_the_name(
    api: Api, app: Application, mysql: Cursor, monkeypatch: pytest.MonkeyPatch
) -> None:
    user = await api.user("alice")
    with interruption(monkeypatch):
        assert (await api.call("/delete_account", {"password": PASSWORD}, token=user.token))["code"] == 503
    successors: list[User] = []

    async def register_again() -> None:
        await app.services.deletion.delete("alice")
        successors.append(await api.user("alice"))

    after_the_list_is_read(monkeypatch, register_again)
    await app.services.retention.run()
    assert rows_of(mysql, "alice")["tb_account"] == 1
    assert (await api.call("/get_user_info", token=successors[0].token))["code"] == 200


@pytest.mark.gen_test
@pytest.mark.logs_errors
async def test_an_unexpected_error_does_not_end_the_retention(
    app: Application, monkeypatch: pytest.MonkeyPatch, logged: list[dict[str, Any]]
) -> None:
    async def fail(count: int) -> int:
        raise ValueError(count)

    monkeypatch.setattr(app.services.deletion, "finish", fail)
    await app.services.retention._run_if_due()
    assert [(line["event"], line["level"]) for line in logged] == [("old rows not removed", "error")]


@pytest.mark.gen_test
@pytest.mark.conf("--password.remember", "0")
async def test_a_login_that_outlasts_two_changes_of_the_password_gets_no_session(
    api: Api, app: Application, monkeypatch: pytest.MonkeyPatch
) -> None:
    user = await api.user("alice")
    async with login_under_way(api, app, monkeypatch) as login:
        first: dict[str, Any] = await change(api, user, PASSWORD, "b" * 32)
        body = {"old_password": "b" * 32, "password": "c" * 32}
        second = await api.call("/change_password", body, token=first["data"]["token"])
    assert await login == 503
    assert (await api.call("/get_user_info", token=second["data"]["token"]))["code"] == 200
