"""./scripts/admin vod and ugc: lists with hidden rows, hiding, and deletions that no recording undoes."""

import json

import pytest
from pymysql.cursors import Cursor
from redis import Redis
from tornado import gen

from handlers.transport.application import Application
from tests.api.test_recordings import recorded
from tests.api.test_recordings import store as deliver
from tests.harness.admin_command import admin, result_of
from tests.harness.client import Api
from tests.harness.lists import insert, listed

GROUPS = {"vod": "/get_vod_list", "ugc": "/get_ugc_list"}


@pytest.fixture
def rows(mysql: Cursor) -> None:
    """Three rows in both lists, the newest last; two users, who exist."""
    mysql.execute("INSERT INTO tb_account (userid, password) VALUES ('alice', ''), ('bob', '')")
    for userid, file_id in (("alice", "f1"), ("bob", "f2"), ("alice", "f3")):
        insert(mysql, userid, file_id, f"2026-01-0{file_id[1]}")


async def shown(api: Api, path: str, token: str) -> list[str]:
    return [row["file_id"] for row in await listed(api, path, token)]


@pytest.mark.gen_test
@pytest.mark.parametrize("group", GROUPS)
async def test_a_hidden_row_leaves_the_list_at_once_and_comes_back(api: Api, rows: None, group: str) -> None:
    user = await api.user("reader")
    assert await shown(api, GROUPS[group], user.token) == ["f3", "f2", "f1"]
    assert result_of(group, "hide", "bob", "f2") == {"userid": "bob", "file_id": "f2", "hidden": True}
    assert await shown(api, GROUPS[group], user.token) == ["f3", "f1"]
    assert [row["file_id"] for row in result_of(group, "list")] == ["f3", "f1"]
    everything = result_of(group, "list", "--all")
    assert [(row["userid"], row["file_id"], row["hidden"]) for row in everything] == [
        ("alice", "f3", False),
        ("bob", "f2", True),
        ("alice", "f1", False),
    ]
    assert everything[0]["create_time"] == "2026-01-03T00:00:00Z"
    assert admin(group, "unhide", "bob", "f2") == (0, "shown again: f2 of bob\n", "")
    assert await shown(api, GROUPS[group], user.token) == ["f3", "f2", "f1"]


@pytest.mark.parametrize("group", GROUPS)
def test_a_list_can_be_of_one_user_and_of_a_part(rows: None, store: Redis, group: str) -> None:
    assert [row["file_id"] for row in result_of(group, "list", "--user", "alice")] == ["f3", "f1"]
    assert [row["file_id"] for row in result_of(group, "list", "--index", "1", "--count", "1")] == ["f2"]
    assert [row["file_id"] for row in result_of(group, "list", "--all", "--user", "bob")] == ["f2"]
    code, output, errors = admin(group, "list")
    assert (code, errors, len(output.splitlines())) == (0, "", 4)


@pytest.mark.gen_test
@pytest.mark.parametrize("group", GROUPS)
async def test_a_deleted_row_is_gone(api: Api, mysql: Cursor, rows: None, group: str) -> None:
    user = await api.user("reader")
    assert await shown(api, GROUPS[group], user.token) == ["f3", "f2", "f1"]
    assert admin(group, "delete", "bob", "f2")[0] == 1
    assert result_of(group, "delete", "bob", "f2", "--yes") == {"userid": "bob", "file_id": "f2", "deleted": True}
    assert await shown(api, GROUPS[group], user.token) == ["f3", "f1"]
    assert result_of(group, "list", "--all", "--user", "bob") == []


@pytest.mark.parametrize("group", GROUPS)
@pytest.mark.parametrize("command", [["hide"], ["unhide"], ["delete", "--yes"]])
def test_a_row_that_is_not_the_users_is_one_line(rows: None, store: Redis, group: str, command: list[str]) -> None:
    refusal = (1, "", "file_id: the user has no such video\n")
    assert admin(group, *command, "alice", "f2") == admin(group, *command, "alice", "f9") == refusal


@pytest.mark.gen_test
@pytest.mark.parametrize("late", ["m1", "h1"])
async def test_no_recording_brings_a_deleted_replay_back(api: Api, mysql: Cursor, late: str) -> None:
    """Neither another delivery of its file nor a file in another format."""
    user = await api.user("anchor")
    await deliver(api, recorded("m1", 0, 400), recorded("m2", 500, 900))
    assert admin("vod", "delete", "anchor", "m1", "--yes")[0] == 0
    await deliver(api, recorded(late, 0, 400))
    assert await shown(api, GROUPS["vod"], user.token) == ["m2"]
    mysql.execute("SELECT DISTINCT video_url, deleted_at IS NULL FROM tb_vod_file WHERE replay_file_id = 'm1'")
    assert mysql.fetchall() == (("", 0),)  # nothing is left but ids and times


@pytest.mark.gen_test
async def test_no_recording_brings_a_deleted_imported_replay_back(api: Api, mysql: Cursor) -> None:
    user = await api.user("anchor")
    insert(mysql, "anchor", "m1", "2026-01-01 01:00")
    assert admin("vod", "delete", "anchor", "m1", "--yes")[0] == 0
    await deliver(api, recorded("m1", 0, 400))
    assert await shown(api, GROUPS["vod"], user.token) == []


@pytest.mark.gen_test
@pytest.mark.parametrize("late", ["m1", "h1"])
async def test_a_hidden_replay_stays_hidden(api: Api, mysql: Cursor, late: str) -> None:
    user = await api.user("anchor")
    await deliver(api, recorded("m1", 0, 400))
    assert admin("vod", "hide", "anchor", "m1")[0] == 0
    await deliver(api, recorded(late, 0, 400))
    assert await shown(api, GROUPS["vod"], user.token) == []


@pytest.mark.gen_test
async def test_a_short_video_that_is_published_again_stays_hidden(api: Api, rows: None) -> None:
    user = await api.user("carol")
    video = {"file_id": "f4", "play_url": "http://v"}
    for hidden in (False, True):
        assert (await api.call("/upload_ugc", video, token=user.token))["code"] == 200
        assert ("f4" not in await shown(api, GROUPS["ugc"], user.token)) == hidden
        assert admin("ugc", "hide", "carol", "f4")[0] == 0


@pytest.mark.gen_test
async def test_a_deletion_and_the_files_of_its_broadcast_leave_nothing_behind(api: Api, app: Application) -> None:
    user = await api.user("anchor")
    await deliver(api, recorded("m1", 0, 400))
    events = [json.dumps(recorded(name, 0, 400)).encode() for name in ("h1", "f1", "a1", "m1")]
    await gen.multi(
        [
            *(api.fetch("/callback/tape_callback", body) for body in events),
            app.services.videos.delete_replay("anchor", "m1"),
        ]
    )
    assert await shown(api, GROUPS["vod"], user.token) == []
