"""./scripts/loadtest without Locust: the apps' requests, the accounts, and the verdict. tests/slow has whole runs."""

import hashlib
import json
import resource
import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from pymysql.cursors import Cursor
from redis import Redis
from rich.console import Console
from typer.testing import CliRunner

from scripts.load_testing import content, locust_process
from scripts.load_testing.__main__ import app
from scripts.load_testing.answers import Failure, data_of, expect_file, no_answer
from scripts.load_testing.apps import Android, App, Ios, Web, password
from scripts.load_testing.plan import VARIABLE, Plan
from scripts.load_testing.result import Result, Row, exceeded, read, show
from scripts.load_testing.seeding import SeedingError, seed
from tests.harness.client import Api
from tests.harness.events import KEY
from tests.harness.main_process import running
from tests.protocol import clients

APPS = [Android, Ios, Web]
PLAN = Plan(
    url="http://127.0.0.1:1",
    ca=None,
    callback_key=KEY,
    bizid="5000",
    prefix="load",
    users=3,
    processes=1,
    duration_s=10,
    weights={"Viewer": 1},
    ios_percent=25,
    think_s=7,
    away_s=60,
    broadcast_s=120,
    callback_delay_s=20,
    result="result.json",
)
TOTAL = Row("Aggregated", 1000, 10, 50.0, 20.0, 15.0, 40.0, 80.0, 120.0)
NOBODY = ["--viewers", "0", "--broadcasters", "0", "--uploaders", "0", "--web-users", "0", "--newcomers", "0"]
RESULT = Result([replace(TOTAL, name="/login"), TOTAL], [("/login", "code 503: overloaded", 10)], [], 1.0, 30.0)


async def call(api: Api, app: App, path: str, fields: Mapping[str, Any] | None = None) -> Any:
    """Call an interface as the journeys do; its `data`."""
    body = app.body(path, fields or {})
    response = await api.fetch(path, body, app.headers(body))
    return data_of(response.code, response.body)


async def enter(api: Api, app: App) -> None:
    """Register and log in."""
    credentials = {"userid": app.userid, "password": password(app.userid)}
    await call(api, app, "/register", credentials)
    app.keep_session(await call(api, app, "/login", credentials))


@pytest.mark.gen_test
@pytest.mark.parametrize("kind", APPS)
async def test_the_server_accepts_every_request_of_an_app(api: Api, kind: type[App]) -> None:
    app = kind("load1")
    await enter(api, app)
    await call(api, app, "/upload_user_info", content.profile(app.userid))
    await call(api, app, "/upload_room", app.room("标题/一", "深圳", content.COVER.format(1)))
    await call(api, app, "/upload_ugc", content.video("52858909"))
    for path in ("/get_ugc_list", "/get_vod_list"):
        first, *_ = [await call(api, app, path, page) for page in app.pages(3)]
        assert [video["file_id"] for video in first["list"]] == (["52858909"] if path == "/get_ugc_list" else [])
    for path in ("/get_vod_sign", "/get_cos_sign", "/get_user_info", "/get_roomservice_sign"):
        assert await call(api, app, path)
    fields = {"userid": app.userid, "refresh_token": app.refresh_token}
    app.keep_session(await call(api, app, "/refresh", fields))
    assert (await call(api, app, "/get_user_info"))["userid"] == "load1"


@pytest.mark.gen_test
@pytest.mark.parametrize("kind", APPS)
async def test_a_request_without_the_session_fails(api: Api, kind: type[App]) -> None:
    app = kind("load1")
    await enter(api, app)
    app.token = "load1.another"
    with pytest.raises(Failure, match=r"^code 498: "):
        await call(api, app, "/get_user_info")


@pytest.mark.gen_test
async def test_the_bytes_are_those_of_the_official_apps(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(time, "time", lambda: 1_700_000_000.0)
    fields = {"avatar": "https://e.com/小"}
    for ours, theirs in ((Ios("u"), clients.Ios(api, "u")), (Android("u"), clients.Android(api, "u"))):
        made, expected = (app.body("/upload_user_info", fields) for app in (ours, theirs))
        ignored = b'"frontCover":"http:\\/\\/e.com\\/ignored",'
        assert sorted(made.strip(b"{}").split(b",")) == sorted(expected.replace(ignored, b"").strip(b"{}").split(b","))
        ours.token = theirs.token = "u.token"
        assert ours.headers(made)["Liteav-Sig"] == theirs.headers(made)["Liteav-Sig"]
    assert Ios("u").body("/upload_room", {}) == b'{"userid":"u"}'


def test_the_password_is_hashed_as_the_apps_hash_it() -> None:
    inner = hashlib.md5(b"secret").hexdigest()
    assert password("xiaoming", "secret") == hashlib.md5(f"{inner}xiaoming".encode()).hexdigest()


@pytest.mark.gen_test
async def test_the_recordings_of_a_broadcast_become_one_replay(api: Api) -> None:
    app = Android("load1")
    await enter(api, app)
    events = content.recordings(KEY, "5000_load1", 1_700_000_000, 1_700_000_600)
    for event in events.values():
        response = await api.fetch("/callback/tape_callback", event)
        assert data_of(response.code, response.body, success=0) == {}
    (replay,) = (await call(api, app, "/get_vod_list", {"count": 200}))["list"]
    assert replay["file_id"] == next(iter(events))
    assert replay["play_url"].endswith(".mp4")
    assert replay["hls_play_url"].endswith(".m3u8")


@pytest.mark.parametrize(
    ("status", "answer", "failure"),
    [
        (200, b'{"code": 498, "message": "request expired"}', "code 498: request expired"),
        (503, b'{"code": 503, "message": "overloaded"}', "code 503: overloaded"),
        (200, b'{"code": 0}', "code 0: "),
        (502, b"<html>Bad Gateway", "HTTP 502 without an envelope: <html>Bad Gateway"),
        (200, b"[]", "HTTP 200 without an envelope: []"),
        (200, b"", "HTTP 200 without an envelope: "),
    ],
)
def test_an_answer_is_judged_by_its_code(status: int, answer: bytes, failure: str) -> None:
    with pytest.raises(Failure) as raised:
        data_of(status, answer)
    assert repr(raised.value) == failure


class RetriesExceeded(Exception):
    """As geventhttpclient raises it."""

    def __init__(self, original: Exception | None = None) -> None:
        super().__init__("http://127.0.0.1:8000/login 0")
        self.original = original


@pytest.mark.parametrize(
    ("error", "failure"),
    [
        (RetriesExceeded(TimeoutError("timed out")), "no answer: timed out"),
        (ConnectionResetError(), "no answer: ConnectionResetError"),
    ],
)
def test_a_request_without_an_answer_is_told_by_its_cause(error: Exception, failure: str) -> None:
    assert repr(no_answer(error)) == failure


def test_success_has_data() -> None:
    assert data_of(200, b'{"code": 200, "message": "OK", "data": {"list": []}}') == {"list": []}
    assert data_of(200, b'{"code": 0}', success=0) == {}


def test_who_publishes_and_does_not_see_it_has_a_failure() -> None:
    expect_file({"list": [{"file_id": "1"}, {"file_id": "2"}]}, "2")
    with pytest.raises(Failure):
        expect_file({"list": [{"file_id": "1"}]}, "2")


def test_accounts_are_prepared_once(tmp_path: Path, mysql: Cursor, store: Redis) -> None:
    ready: list[None] = []
    with running(tmp_path) as server:
        plan = replace(PLAN, url=f"http://127.0.0.1:{server.port}")
        for users in (2, 3):
            seed(replace(plan, users=users), lambda: ready.append(None), time.sleep)
    assert len(ready) == 5
    for table in ("account", "room", "vod", "ugc"):
        mysql.execute(f"SELECT userid FROM tb_{table} ORDER BY userid")
        assert mysql.fetchall() == (("load0",), ("load1",), ("load2",)), table


def test_a_refusal_ends_the_preparation(tmp_path: Path, mysql: Cursor, store: Redis) -> None:
    with running(tmp_path) as server, pytest.raises(SeedingError, match="code 4004"):
        plan = replace(PLAN, url=f"http://127.0.0.1:{server.port}", callback_key="another")
        seed(plan, lambda: None, time.sleep)
    with pytest.raises(SeedingError, match="Connection refused"):
        seed(PLAN, lambda: None, time.sleep)


def test_every_process_gets_the_same_number_of_accounts() -> None:
    assert [replace(PLAN, users=10, processes=processes).accounts for processes in (1, 2, 3, 4)] == [10, 10, 12, 12]


def test_the_plan_reaches_the_processes_of_locust(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, PLAN.environment()[VARIABLE])
    assert Plan.from_environment() == PLAN


def test_too_few_descriptors_are_refused_with_the_remedy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resource, "getrlimit", lambda _: (1024, 4096))
    with pytest.raises(
        locust_process.LocustError, match=r"need 5,200 open files, and the limit is 4,096\. As root: ulimit -n 5200"
    ):
        locust_process.raise_descriptor_limit(5000)


@pytest.mark.parametrize(
    ("result", "max_failures", "max_p99", "reasons"),
    [
        (RESULT, 1, 80, []),
        (RESULT, 0.9, None, ["1.00 % of the requests failed, and 0.9 % may"]),
        (RESULT, 1, 79, ["the p99 is 80 ms, and 79 ms is the limit"]),
        (replace(RESULT, exceptions=[("KeyError", 2)]), 1, None, ["a journey broke off: KeyError (2 times)"]),
        (replace(RESULT, rows=[]), 100, None, ["no request was sent"]),
    ],
)
def test_a_limit_that_is_exceeded_is_named(
    result: Result, max_failures: float, max_p99: float | None, reasons: list[str]
) -> None:
    assert exceeded(result, max_failures, max_p99) == reasons


def test_the_result_is_read_and_shown(tmp_path: Path) -> None:
    written = {
        "rows": [vars(row) for row in reversed(RESULT.rows)],
        "failures": RESULT.failures,
        "exceptions": [],
        "late_p50_ms": 1.0,
        "late_p99_ms": 30.0,
    }
    (tmp_path / "result").write_text(json.dumps(written))
    result = read(tmp_path / "result")
    assert result == RESULT
    with Console(file=(tmp_path / "text").open("w"), width=120) as console:
        show(result, console)
    console.file.close()
    text = (tmp_path / "text").read_text()
    for shown in ("/login", "1,000", "code 503: overloaded", "p50 1 ms, p99 30 ms"):
        assert shown in text


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "either a URL or --own-server"),
        (["http://127.0.0.1:1", "--own-server", "1"], "either a URL or --own-server"),
        (["http://127.0.0.1:1"], "needs --duration"),
        (["127.0.0.1:8000", "--duration", "1s"], "begins with http:// or https://"),
        (["http://127.0.0.1:1", "--duration", "soon"], "a duration such as 90s, 5m or 1h"),
        (["http://127.0.0.1:1", "--duration", "1s", "--ca", "/nowhere"], "/nowhere"),
        (["http://127.0.0.1:1", "--duration", "1s", *NOBODY], "a share above 0"),
    ],
)
def test_wrong_usage_is_refused(arguments: list[str], message: str) -> None:
    ended = CliRunner().invoke(app, arguments)
    assert ended.exit_code == 2
    assert message in " ".join(ended.stderr.replace("│", "").split())
