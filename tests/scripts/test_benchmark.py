"""The benchmark's verdict: an error, a refusal or a missed target never looks like a success."""

import json
import os
import time
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from pymysql.cursors import Cursor
from redis import Redis
from rich.console import Console

from scripts.benchmark.__main__ import parse as parse_options
from scripts.benchmark.checks import check_contents
from scripts.benchmark.circumstances import circumstances
from scripts.benchmark.connections import Connections
from scripts.benchmark.frameworks import Frameworks
from scripts.benchmark.growth import Growth
from scripts.benchmark.load import Load, Wrk, parse
from scripts.benchmark.logins import Storm
from scripts.benchmark.measure import Bench, Sample, summary
from scripts.benchmark.population import Stores, user
from scripts.benchmark.report import Outcome, missed, read, show, write_html, write_json
from scripts.benchmark.requests import CASES, refreshes, signed, uploads
from scripts.benchmark.servers import Server
from scripts.stores.private_servers import Urls
from services.tencent.signatures import liteav_sig
from tests.harness.main_process import running
from tests.harness.stores import MYSQL_URL, REDIS_URL

LOAD = Load(requests=1000, sent=1010, seconds=0.5, p50=10.0, p99=20.0, worst=30.0, errors=0)
SAMPLES = [
    Sample(LOAD._replace(requests=count), bare=4000.0, cpu=0.5, bare_cpu=0.25, redis_cpu=0.01, mysql_cpu=0.02)
    for count in (900, 1000, 1400)
]
CASE = CASES[0]
RESULT = summary(CASE, SAMPLES)
STORM = Storm(logins_per_second=20.0, others_p50=5.0, others_p99=30.0, calm_p99=10.0, errors=0)
CONNECTIONS = Connections(10_000, 3_000.0, 100e6, LOAD, LOAD, LOAD)
GROWTH = Growth(
    path="/get_vod_list",
    rows=1_000_000,
    index=0,
    share=0.6,
    relative=1.0,
    uncached=1.5,
    uncached_relative=1.1,
    errors=0,
)
DEEP = replace(GROWTH, index=100_000, uncached_relative=9.0)
NOTHING = Outcome(circumstances([], 3, 4.0), [], None, None, None, [], [])
FRAMEWORKS = Frameworks({"Tornado": 1.5, "FastAPI": 1.4, "Starlette": 0.5, "aiohttp": 0.5})
OUTCOME = replace(
    NOTHING, requests=[RESULT], frameworks=FRAMEWORKS, logins=STORM, connections=CONNECTIONS, growth=[GROWTH, DEEP]
)


def test_the_summary_takes_medians_and_adds_errors_up() -> None:
    assert (RESULT.rate, RESULT.share, RESULT.requests, RESULT.errors) == (2000.0, 0.5, 3300, 0)
    bad = SAMPLES[0]._replace(load=LOAD._replace(errors=2))
    assert summary(CASE, [*SAMPLES, bad]).errors == 2


def test_a_whole_success_misses_nothing() -> None:
    assert missed(replace(OUTCOME, requests=[replace(RESULT, target=0.5)])) == []


@pytest.mark.parametrize(
    ("outcome", "named"),
    [
        (replace(OUTCOME, requests=[replace(RESULT, target=0.51)]), CASE.name),
        (replace(OUTCOME, requests=[replace(RESULT, target=0.1, errors=1)]), CASE.name),
        (replace(NOTHING, frameworks=Frameworks({"FastAPI": 0.99})), "bare FastAPI"),
        (replace(NOTHING, logins=replace(STORM, others_p99=50.0)), "login storm"),
        (replace(NOTHING, logins=replace(STORM, errors=1)), "login storm"),
        *(
            (replace(NOTHING, connections=replace(CONNECTIONS, **change)), "many connections")
            for change in (
                {"idle": 9_999},
                {"many_busy": LOAD._replace(p99=300.0)},
                {"many_busy": LOAD._replace(errors=1)},
                {"beside_idle": LOAD._replace(errors=1)},
                {"bytes_per_connection": 4_000.0},
                {"bytes_per_process": 120e6},
            )
        ),
        *(
            (replace(NOTHING, growth=[replace(GROWTH, **change)]), "/get_vod_list, 1000000 rows")
            for change in ({"relative": 0.8}, {"errors": 1}, {"uncached_relative": 2.0})
        ),
        (replace(NOTHING, growth=[replace(DEEP, uncached_relative=20.0)]), "/get_vod_list at 100000, 1000000 rows"),
        (replace(NOTHING, complaints=["a line"]), "a log without complaints"),
    ],
)
def test_a_missed_target_is_named(outcome: Outcome, named: str) -> None:
    assert missed(outcome) == [named]


@pytest.fixture
def log(tmp_path: Path) -> Path:
    """The log of a server that has answered one request before."""
    path = tmp_path / "log"
    path.write_bytes(line(200))
    return path


def line(code: int) -> bytes:
    return b'{"event":"request","level":"info","code":%d}\n' % code


def append(log: Path, *lines: bytes) -> None:
    with log.open("ab") as file:
        file.write(b"".join(lines))


def bench_on(log: Path, pause: Callable[[float], None] = lambda _: None) -> Bench:
    server: Any = Server(0, [], log)
    nothing: Any = None
    return Bench(server, server, (0, 0), nothing, nothing, pause)


def test_answers_that_are_no_200_are_errors_of_a_load(log: Path) -> None:
    def run() -> Load:
        append(log, line(200), line(498), line(200), line(503))
        return LOAD._replace(requests=3, sent=4, errors=1)

    assert bench_on(log).checked(run).errors == 3


def test_a_line_that_is_no_event_does_not_hide_the_answers(log: Path) -> None:
    def run() -> Load:
        append(log, b"Task exception was never retrieved\n", line(200), line(498))
        return LOAD._replace(requests=2, sent=2)

    assert bench_on(log).checked(run).errors == 1


def test_a_load_is_over_when_all_that_was_sent_is_in_the_log(log: Path) -> None:
    late = [line(200), b'{"event":"stopping","level":"info"}\n', b'{"event":"req', line(498)[13:]]

    def run() -> Load:
        append(log, line(200))
        return LOAD._replace(requests=1, sent=3)

    assert bench_on(log, lambda _: append(log, late.pop(0))).checked(run).errors == 1
    assert late == []


def test_a_request_that_is_never_answered_fails_the_run(log: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("scripts.benchmark.access_log._SECONDS", 0)

    def run() -> Load:
        append(log, line(200))
        return LOAD._replace(requests=1, sent=2)

    append(log, b"Traceback\n")
    with pytest.raises(RuntimeError, match="2 requests were sent, and 1 are in the access log\nTraceback"):
        bench_on(log).checked(run)


def test_an_unexpected_line_in_the_log_is_a_complaint(log: Path) -> None:
    bad = [
        line(498),
        b'{"event":"store unavailable","level":"warning"}\n',
        b'{"event":"request failed","level":"error"}\n',
        b"Traceback (most recent call last):\n",
        b'["event"]\n',
        b'{"event":"request","level":"info"}\n',
    ]
    good = [
        b'{"event":"serving","level":"info"}\n',
        b'{"event":"insecure","level":"warning"}\n',
    ]
    append(log, *good, *bad, *good)
    assert bench_on(log).log.complaints() == [line.decode().strip() for line in bad]


class FakeWrk(Wrk):
    """Runs a program that only reports a number of sent requests."""

    def __init__(self, folder: Path, sent: int) -> None:
        super().__init__(folder, time.sleep)
        program = folder / "wrk"
        program.write_text(f"#!/bin/sh\necho '{json.dumps(LOAD._replace(sent=sent)._asdict())}'\n")
        program.chmod(0o755)


@pytest.mark.parametrize(("once", "sent", "fails"), [(True, 10, False), (True, 11, True), (False, 11, False)])
def test_requests_that_may_be_sent_only_once_are_not_sent_twice(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, once: bool, sent: int, fails: bool
) -> None:
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    wrk = FakeWrk(tmp_path, sent)
    prepared = wrk.prepare("case", [b"request"] * 10, once=once)
    with (
        pytest.raises(RuntimeError, match="only 10 requests were prepared, and 11 were sent")
        if fails
        else nullcontext()
    ):
        assert wrk.run(0, prepared, 20).sent == sent


ROWS = 250


@pytest.fixture
def filled(tmp_path: Path, mysql: Cursor, store: Redis) -> Iterator[tuple[int, Stores]]:
    """A server on tables as the benchmark fills them: its port, its stores."""
    stores = Stores(Urls(MYSQL_URL, REDIS_URL))
    stores.empty()
    stores.fill(ROWS, lambda _: None)
    stores.add_accounts("guest", 1, 1)
    with running(tmp_path) as server:
        yield server.port, stores
    stores.empty()
    stores.close()


def test_right_contents_pass(filled: tuple[int, Stores]) -> None:
    port, stores = filled
    check_contents(port, stores, ROWS)


@pytest.mark.parametrize("table", ["vod", "ugc"])
def test_wrong_contents_do_not(filled: tuple[int, Stores], mysql: Cursor, table: str) -> None:
    port, stores = filled
    mysql.execute(f"DELETE FROM tb_{table} LIMIT 100")
    with pytest.raises(RuntimeError, match=f"wrong answer: /get_{table}_list"):
        check_contents(port, stores, ROWS)


def test_a_wrk_that_does_not_report_is_an_error() -> None:
    assert parse(f"Running 1s test\n{json.dumps(LOAD._asdict())}\n") == LOAD
    for output in ("", "unable to connect\n", '{"requests": 1}\n'):
        with pytest.raises(RuntimeError, match="wrk did not report"):
            parse(output)


@pytest.mark.parametrize("make", [uploads, refreshes])
def test_requests_that_are_good_for_one_time_only_differ(make: Callable[[int], list[bytes]]) -> None:
    assert len(set(make(50))) == 50


def test_requests_are_signed_over_the_bytes_that_are_sent() -> None:
    head, _, body = signed("/get_user_info", {"avatar": "https://x/y"}, user(1)).partition(b"\r\n\r\n")
    assert f"Liteav-Sig: {liteav_sig(user(1).token, body)}".encode() in head.split(b"\r\n")
    assert f"Content-Length: {len(body)}".encode() in head.split(b"\r\n")


def test_a_report_can_be_read_again_and_compared(tmp_path: Path) -> None:
    write_json(OUTCOME, tmp_path / "json")
    earlier = read(tmp_path / "json")
    assert earlier[CASE.name]["share"] == 0.5
    write_html(OUTCOME, earlier, tmp_path / "html")
    page = (tmp_path / "html").read_text()
    assert page.count('src="data:image/svg+xml;base64,') == page.count("src=") == 4
    assert "http:" not in page
    assert "https:" not in page
    assert json.loads((tmp_path / "json").read_text())["missed"] == [CASE.name]
    with Console(file=(tmp_path / "text").open("w"), width=150) as console:
        show(replace(OUTCOME, requests=[replace(RESULT, share=0.75)]), earlier, console)
    console.file.close()
    assert "0.50 (+50%)" in (tmp_path / "text").read_text()


def test_quick_measures_less() -> None:
    assert parse_options(["--quick"]).seconds < parse_options([]).seconds
    assert parse_options(["--seconds", "7", "--", "--performance.batch", "1"]).server == ["--performance.batch", "1"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--rounds", "0"], "--rounds: takes 1 or more"),
        (["--rounds", "x"], "--rounds: invalid rounds value: 'x'"),
        (["--seconds", "0"], "--seconds: takes 0.5 to 600"),
        (["--json", "/nowhere/result"], "--json: /nowhere/result cannot be written"),
        (["--html", "/"], "--html: / cannot be written"),
        (["--compare", "/nowhere"], "--compare: /nowhere is no result of a benchmark"),
        (["--compare", __file__], f"--compare: {__file__} is no result of a benchmark"),
        (["--only", "login", "nothing"], "invalid choice: 'nothing'"),
        (["--quick", "login"], "unrecognized arguments: login"),
        (["--", "--http.processes", "1"], "how the server listens and logs: --http.processes"),
        (["--", "--log.access=false"], "how the server listens and logs: --log.access=false"),
    ],
)
def test_a_wrong_option_is_refused_before_anything_is_measured(
    arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        parse_options(arguments)
    assert ended.value.code == 2
    assert message in capsys.readouterr().err
