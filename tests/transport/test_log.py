"""The log records every request and no secret."""

import fcntl
import json
import os
import select
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from pymysql.cursors import Cursor

from conf.logs import Lines, json_line
from conf.settings import ROOT, Settings
from conf.version import BUILD
from tests.harness.client import PASSWORD, Api, liteav_sig


@pytest.mark.gen_test
async def test_the_access_log_has_one_line_per_request(api: Api, logged: list[dict[str, Any]]) -> None:
    user = await api.user()
    logged.clear()
    response = await api.fetch("/get_user_info", b"{}", {"Authorization": f"Bearer {user.token}"})
    await api.call("/get_user_info")
    await api.fetch("/nothing?token=x")
    assert [event.pop("duration_ms") >= 0 for event in logged] == [True] * 3
    first, second, third = logged
    assert first == {
        "event": "request",
        "level": "info",
        "method": "POST",
        "route": "/get_user_info",
        "status": 200,
        "code": 200,
        "userid": user.userid,
        "remote_ip": "127.0.0.1",
        "request_id": response.headers["X-Request-Id"],
    }
    assert (second["status"], second["code"], second["userid"]) == (200, 498, "")
    assert (third["status"], third["code"], third["route"]) == (404, 404, "")


@pytest.mark.gen_test
async def test_the_access_log_says_who_could_not_log_in(api: Api, logged: list[dict[str, Any]]) -> None:
    await api.call("/login", {"userid": "nobody", "password": PASSWORD})
    await api.call("/register", {"userid": "alice", "password": PASSWORD})
    await api.call("/refresh", {"userid": "alice", "refresh_token": "x"})
    requests = [(line["userid"], line["code"]) for line in logged if line["event"] == "request"]
    assert requests == [("nobody", 620), ("alice", 200), ("alice", 498)]


@pytest.mark.gen_test
async def test_health_checks_are_logged_at_debug(api: Api, logged: list[dict[str, Any]]) -> None:
    for path in ("/healthz", "/readyz"):
        for method in ("GET", "HEAD"):
            assert (await api.fetch(path, method=method)).code == 200
        assert (await api.fetch(path)).code == 405
    assert {event["level"] for event in logged} == {"debug"}


@pytest.mark.gen_test
@pytest.mark.parametrize(
    "trusted", [False, pytest.param(True, marks=pytest.mark.conf("--http.trusted_proxies", "127.0.0.1"))]
)
async def test_only_a_trusted_proxy_may_set_the_request_id(api: Api, trusted: bool) -> None:
    for given in ("id-1", "bad id", "x" * 65):
        response = await api.fetch("/nothing", headers={"X-Request-Id": given})
        assert (response.headers["X-Request-Id"] == given) is (trusted and given == "id-1")


@pytest.mark.gen_test
@pytest.mark.logs_errors
async def test_an_error_has_one_id_in_the_answer_and_in_both_lines_of_the_log(
    api: Api, mysql: Cursor, logged: list[dict[str, Any]]
) -> None:
    mysql.execute("INSERT INTO tb_account (userid, password) VALUES ('odd', '$argon2id$rubbish')")
    response = await api.fetch("/login", json.dumps({"userid": "odd", "password": PASSWORD}).encode())
    assert response.code == 500
    assert [event["event"] for event in logged] == ["request failed", "request"]
    assert {event["request_id"] for event in logged} == {response.headers["X-Request-Id"]}
    assert logged[0]["build"] == BUILD


@pytest.mark.gen_test
async def test_a_made_up_method_is_not_repeated(api: Api, logged: list[dict[str, Any]]) -> None:
    assert (await api.fetch("/login", method="X" * 5000)).code == 400
    assert logged[0]["method"] == ""


def test_a_log_that_cannot_be_written_stops_nothing_and_is_counted() -> None:
    reading, writing = os.pipe()
    os.close(reading)
    with os.fdopen(writing, "wb") as without_reader, Path("/dev/full").open("wb") as full:
        for file in (without_reader, full):
            lines = Lines(file.fileno(), json_line)
            lines.line("one")
            lines.line("two")
            assert lines.failures == 2


@pytest.mark.gen_test
@pytest.mark.conf("--log.access", "false")
async def test_the_access_log_can_be_turned_off(api: Api, logged: list[dict[str, Any]]) -> None:
    await api.user()
    assert logged == []


@pytest.mark.gen_test
async def test_no_secret_is_ever_logged(api: Api, conf: Settings, logged: list[dict[str, Any]]) -> None:
    user = await api.user("alice")
    body = json.dumps({"userid": "alice"}).encode()
    secrets = [PASSWORD, user.token, user.refresh_token, liteav_sig(user.token, body)]
    await api.signed("/get_user_info", body, user.token)
    for path in ("/get_cos_sign", "/get_vod_sign", "/get_roomservice_sign"):
        secrets += [str(value) for value in (await api.call(path, token=user.token))["data"].values()]
    await api.call("/login", {"userid": "alice", "password": "wrong-password"})
    answer = await api.call("/refresh", {"userid": "alice", "refresh_token": user.refresh_token})
    secrets += ["wrong-password", answer["data"]["token"], answer["data"]["refresh_token"]]
    secrets += [conf.cos.secret_key.get_secret_value(), conf.im.secret_key.get_secret_value()]
    log = repr(logged)
    assert not [secret for secret in secrets if secret in log]


MANY_LINES = """
import asyncio, sys
from conf.logs import Lines, json_line

async def one_iteration():
    for number in range(100):
        lines.info(event="line", name=sys.argv[1], number=number, timestamp=0.0, filling="x" * 80)

lines = Lines(sys.stdout.fileno(), json_line)
lines.info(event="ready", timestamp=0.0)
sys.stdin.read()
for _ in range(20):
    asyncio.run(one_iteration())
"""


@pytest.mark.parametrize("blocking", [True, False])
def test_processes_that_share_a_pipe_do_not_cut_into_each_others_lines(blocking: bool) -> None:
    reading, writing = os.pipe()
    os.set_blocking(writing, blocking)
    fcntl.fcntl(writing, fcntl.F_SETPIPE_SZ, select.PIPE_BUF)  # soon full: a longer write would have to pause
    command = [sys.executable, "-c", MANY_LINES]
    writers = [
        subprocess.Popen([*command, name], cwd=ROOT, stdin=subprocess.PIPE, stdout=writing, text=True) for name in "abc"
    ]
    os.close(writing)
    with os.fdopen(reading) as pipe:
        assert [json.loads(pipe.readline())["event"] for _ in writers] == ["ready"] * 3
        for writer in writers:
            assert writer.stdin is not None
            writer.stdin.close()
        lines = [json.loads(line) for line in pipe]
    assert [writer.wait() for writer in writers] == [0, 0, 0]
    for name in "abc":
        assert [line["number"] for line in lines if line["name"] == name] == list(range(100)) * 20
