"""./scripts/admin user: accounts and sessions, beside a running server."""

import hashlib
import json
import re

import pytest
from pymysql.cursors import Cursor
from redis import Redis

from tests.harness.admin_command import admin, admin_at_terminal, result_of
from tests.harness.client import PASSWORD, Api
from tests.harness.events import event
from tests.harness.lists import LISTS, VIDEO, insert, listed

TYPED = "correct horse"


def as_the_app_sends_it(userid: str, password: str = TYPED) -> str:
    inner = hashlib.md5(password.encode()).hexdigest()
    return hashlib.md5((inner + userid).encode()).hexdigest()


async def login_code(api: Api, userid: str, password: str) -> int:
    return int((await api.call("/login", {"userid": userid, "password": password}))["code"])


@pytest.mark.gen_test
async def test_a_created_user_logs_in_with_what_the_app_makes_of_the_password(api: Api) -> None:
    assert result_of("user", "create", "alice", text=f"{TYPED}\n") == {"userid": "alice", "created": True}
    assert await login_code(api, "alice", as_the_app_sends_it("alice")) == 200
    assert admin("user", "create", "bob", "--raw", text=PASSWORD) == (0, "created: bob\n", "")
    assert await login_code(api, "bob", PASSWORD) == 200


@pytest.mark.gen_test
async def test_a_password_is_typed_twice_at_a_terminal(api: Api) -> None:
    assert admin_at_terminal("user", "create", "alice", typed=[TYPED, TYPED]) == (0, "created: alice\n")
    assert await login_code(api, "alice", as_the_app_sends_it("alice")) == 200


@pytest.mark.parametrize(
    ("userid", "password", "reason"),
    [
        ("8888_alice", PASSWORD, "userid: must be 1 to 32 letters"),
        ("alice", "with space", "password: must be 1 to 128 printable ASCII"),
        ("alice", "", "the password is empty"),
        ("taken", PASSWORD, "userid is taken"),
    ],
)
def test_the_rules_of_registration_hold(mysql: Cursor, store: Redis, userid: str, password: str, reason: str) -> None:
    mysql.execute("INSERT INTO tb_account (userid, password) VALUES ('taken', '')")
    code, output, errors = admin("user", "create", userid, "--raw", text=password)
    assert (code, output, errors.count("\n")) == (1, "", 1)
    assert errors.startswith(reason)
    assert mysql.execute("SELECT 1 FROM tb_account WHERE userid <> 'taken'") == 0


@pytest.mark.gen_test
async def test_show_has_the_profile_the_session_and_the_counts(api: Api, mysql: Cursor) -> None:
    user = await api.user("alice")
    await api.call("/upload_user_info", {"nickname": "小明", "sex": 1}, token=user.token)
    await api.call("/upload_room", {"title": "t"}, token=user.token)
    insert(mysql, "alice", "f1", "2026-01-01")
    shown = result_of("user", "show", "alice")
    assert 0 < shown.pop("session_expires") <= 86400
    assert re.fullmatch(r"20\d\d-\d\d-\d\dT\d\d:\d\d:\d\dZ", shown.pop("create_time"))
    assert shown == {
        "userid": "alice",
        "nickname": "小明",
        "sex": 1,
        "avatar": "",
        "frontcover": "",
        "deleted_at": None,
        "rooms": 1,
        "replays": 1,
        "videos": 1,
    }
    code, output, errors = admin("user", "show", "alice")
    assert (code, errors) == (0, "")
    assert re.search(r"^nickname +小明", output, re.MULTILINE)


@pytest.mark.gen_test
async def test_a_reset_password_ends_the_session_and_voids_the_old_password(api: Api) -> None:
    user = await api.user("alice")
    code, output, errors = admin("user", "reset-password", "alice", text=TYPED)
    assert (code, output, errors) == (0, "password reset: alice\n", "")
    assert (await api.call("/get_user_info", token=user.token))["code"] == 498
    refresh = {"userid": "alice", "refresh_token": user.refresh_token}
    assert (await api.call("/refresh", refresh))["code"] == 498
    assert await login_code(api, "alice", PASSWORD) == 621
    assert await login_code(api, "alice", as_the_app_sends_it("alice")) == 200


@pytest.mark.gen_test
async def test_revoke_ends_the_session_alone(api: Api) -> None:
    user = await api.user("alice")
    assert result_of("user", "revoke", "alice") == {"userid": "alice", "ended": True}
    assert (await api.call("/get_user_info", token=user.token))["code"] == 498
    assert result_of("user", "revoke", "alice") == {"userid": "alice", "ended": False}
    assert await login_code(api, "alice", PASSWORD) == 200


@pytest.mark.gen_test
async def test_delete_removes_all_that_belongs_to_the_user_and_nothing_else(
    api: Api, mysql: Cursor, store: Redis
) -> None:
    alice, bob = await api.user("alice"), await api.user("bob")
    for user in (alice, bob):
        await api.call("/upload_room", {"title": "t"}, token=user.token)
        await api.call("/upload_ugc", VIDEO, token=user.token)
        recording = event(stream_id=f"5000_{user.userid}", file_id=f"m_{user.userid}")
        await api.fetch("/callback/tape_callback", json.dumps(recording).encode())
    for path in LISTS:
        assert len(await listed(api, path, bob.token)) == 2
    assert result_of("user", "delete", "alice", "--yes") == {"userid": "alice", "deleted": True}
    for path in LISTS:
        assert [row["userid"] for row in await listed(api, path, bob.token)] == ["bob"]
    for table in ("tb_account", "tb_room", "tb_vod", "tb_vod_file", "tb_ugc"):
        mysql.execute(f"SELECT userid FROM {table}")
        assert mysql.fetchall() == (("bob",),)
    assert [key for key in store.keys("xzb:{alice}:*") if b"voided" not in key] == []
    assert (await api.call("/get_user_info", token=alice.token))["code"] == 498
    assert await login_code(api, "alice", PASSWORD) == 620


def test_delete_asks(mysql: Cursor, store: Redis) -> None:
    mysql.execute("INSERT INTO tb_account (userid, password) VALUES ('alice', '')")
    code, output, errors = admin("user", "delete", "alice")
    assert (code, output) == (1, "")
    assert errors == "nobody can confirm this: standard input is no terminal. Add --yes.\n"
    assert admin_at_terminal("user", "delete", "alice", typed=["n"]) == (1, "")
    assert mysql.execute("SELECT 1 FROM tb_account") == 1
    assert admin_at_terminal("user", "delete", "alice", typed=["y"]) == (0, "deleted: alice\n")
    assert mysql.execute("SELECT 1 FROM tb_account") == 0


@pytest.mark.parametrize("command", ["show", "reset-password", "delete"])
def test_an_unknown_user_is_one_line(schema: None, store: Redis, command: str) -> None:
    options = ["--yes"] if command == "delete" else []
    assert admin("user", command, "nobody", *options, text=TYPED) == (1, "", "no such user\n")


def test_reports_lists_the_last_reported_user_first(mysql: Cursor, store: Redis) -> None:
    mysql.execute(
        "INSERT INTO tb_user_report VALUES ('anna', 2, 'bob', '2026-01-01', '2026-01-03'),"
        " ('carl', 1, '', '2026-01-02', '2026-01-02')"
    )
    anna, carl = result_of("user", "reports")
    assert anna == {
        "userid": "anna",
        "reports": 2,
        "reporter": "bob",
        "first_time": "2026-01-01T00:00:00Z",
        "last_time": "2026-01-03T00:00:00Z",
    }
    assert result_of("user", "reports", "--index", "1", "--count", "1") == [carl]
    code, output, _ = admin("user", "reports")
    assert (code, output.split()[:5]) == (0, ["userid", "reports", "reporter", "first_time", "last_time"])
