"""./scripts/admin callbacks: recording events that could not be used."""

import json
from typing import Any

import pytest
from pymysql.cursors import Cursor
from redis import Redis

from tests.harness.admin_command import admin, admin_process, result_of
from tests.harness.client import Api
from tests.harness.events import event


def keep(mysql: Cursor, event_id: str, body: dict[str, Any], second: int = 0) -> None:
    mysql.execute(
        "INSERT INTO tb_undelivered_callback (event_id, reason, body, create_time) VALUES (%s, %s, %s, %s)",
        (event_id, "stream_id: names no user", json.dumps(body), f"2026-01-01 00:00:{second:02}"),
    )


def kept(mysql: Cursor) -> list[str]:
    mysql.execute("SELECT event_id FROM tb_undelivered_callback ORDER BY event_id")
    return [event_id for (event_id,) in mysql.fetchall()]


@pytest.fixture
def two(mysql: Cursor, store: Redis) -> None:
    """Two kept events: the user of the first exists by now."""
    keep(mysql, "ab" * 32, event(), 1)
    keep(mysql, "ac" * 32, event(stream_id="5000_nobody", file_id="m2"))
    mysql.execute("INSERT INTO tb_account (userid, password) VALUES ('anchor', '')")


@pytest.mark.gen_test
async def test_an_event_of_an_unknown_user_is_listed_and_shown_as_it_came(api: Api) -> None:
    body = json.dumps(event(stream_id="5000_nobody", title="直播"))
    await api.fetch("/callback/tape_callback", body.encode())
    (listed,) = result_of("callbacks", "list")
    assert (listed["stream_id"], listed["reason"]) == ("5000_nobody", "stream_id: names no user")
    assert listed["create_time"].endswith("Z")
    shown = result_of("callbacks", "show", listed["event_id"][:6])
    assert shown["body"] == body
    assert {name: shown[name] for name in ("event_id", "reason", "create_time")} == {
        name: listed[name] for name in ("event_id", "reason", "create_time")
    }
    output = admin("callbacks", "show", listed["event_id"], COLUMNS="40")[1]
    assert f"  {body}\n" in output  # whole, and on one line


def test_the_list_is_a_table_with_the_oldest_first(two: None) -> None:
    code, output, errors = admin("callbacks", "list", COLUMNS="200")
    assert (code, errors) == (0, "")
    assert [line.split()[:3] for line in output.splitlines()[1:]] == [
        ["ac" * 6, "2026-01-01T00:00:00Z", "5000_nobody"],
        ["ab" * 6, "2026-01-01T00:00:01Z", "5000_anchor"],
    ]
    assert [row["event_id"] for row in result_of("callbacks", "list", "--index", "1")] == ["ab" * 32]


@pytest.mark.parametrize("body", ["x", "[]", '{"stream_id": "\\ud800"}', '{"stream_id": ["x"]}'])
def test_a_malformed_event_is_listed(mysql: Cursor, store: Redis, body: str) -> None:
    mysql.execute("INSERT INTO tb_undelivered_callback (event_id, body) VALUES ('1', %s)", (body,))
    assert [row["event_id"] for row in result_of("callbacks", "list")] == ["1"]
    assert admin("callbacks", "list")[0] == 0


def test_replay_delivers_what_can_be_used_by_now(mysql: Cursor, two: None) -> None:
    code, output, errors = admin_process("callbacks", "replay")
    assert (code, output) == (0, "delivered: 1, still kept: 1\n")
    assert "names no user" in errors
    mysql.execute("SELECT userid, file_id FROM tb_vod")
    assert mysql.fetchall() == (("anchor", "m1"),)
    assert kept(mysql) == ["ac" * 32]


def test_replay_can_be_of_some_events(mysql: Cursor, two: None) -> None:
    code, output, _ = admin("callbacks", "replay", "ac", "--json")
    assert (code, json.loads(output)) == (0, {"delivered": 0, "kept": 1})
    assert result_of("callbacks", "replay", "ab") == {"delivered": 1, "kept": 0}
    assert kept(mysql) == ["ac" * 32]


def test_drop_forgets_events(mysql: Cursor, two: None) -> None:
    assert admin("callbacks", "drop", "ab")[0] == 1
    assert kept(mysql) == ["ab" * 32, "ac" * 32]
    assert result_of("callbacks", "drop", "ab", "ac", "--yes") == {"dropped": 2}
    assert kept(mysql) == []


@pytest.mark.parametrize(
    ("event_id", "reason"),
    [("a", "more than one kept event"), ("f", "no kept event"), ("é%", "no kept event"), ("ab" * 33, "no kept event")],
)
@pytest.mark.parametrize("command", ["show", "replay", "drop"])
def test_an_id_names_one_event(mysql: Cursor, two: None, command: str, event_id: str, reason: str) -> None:
    others = {"show": [], "replay": ["ab"], "drop": ["ab", "--yes"]}[command]
    code, output, errors = admin("callbacks", command, event_id, *others)
    assert (code, output, errors) == (1, "", f"{reason} has an id that begins so\n")
    assert kept(mysql) == ["ab" * 32, "ac" * 32]
