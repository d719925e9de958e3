"""What the benchmark makes of what it measured: an error, a refusal or a missed target can never look like a success."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from rich.console import Console

from scripts.benchmark.__main__ import parse as parse_options
from scripts.benchmark.connections import Connections
from scripts.benchmark.growth import Growth
from scripts.benchmark.load import Load, parse
from scripts.benchmark.logins import Storm
from scripts.benchmark.measure import Sample, answer_codes, summary
from scripts.benchmark.population import user
from scripts.benchmark.report import Outcome, missed, read, show, write_html, write_json
from scripts.benchmark.requests import CASES, refreshes, signed, uploads
from services.signatures import liteav_sig

LOAD = Load(requests=1000, sent=1010, seconds=0.5, p50=10.0, p99=20.0, worst=30.0, errors=0)
SAMPLES = [
    Sample(LOAD._replace(requests=count), bare=4000.0, cpu=0.5, bare_cpu=0.25, redis_cpu=0.01, mysql_cpu=0.02)
    for count in (900, 1000, 1400)
]
CASE = CASES[0]
RESULT = summary(CASE, SAMPLES)
STORM = Storm(logins_per_second=20.0, others_p50=5.0, others_p99=30.0, calm_p99=10.0, errors=0)
CONNECTIONS = Connections(10_000, 9_000.0, 100e6, LOAD, LOAD)
GROWTH = Growth("/get_vod_list", 1_000_000, 0.6, 5.0, 1.0, 0)
OUTCOME = Outcome([RESULT], STORM, CONNECTIONS, [GROWTH])


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
        (Outcome([], replace(STORM, others_p99=50.0), None, []), "login storm"),
        (Outcome([], replace(STORM, errors=1), None, []), "login storm"),
        (Outcome([], None, replace(CONNECTIONS, many_busy=LOAD._replace(p99=1000.0)), []), "many connections"),
        (Outcome([], None, replace(CONNECTIONS, many_busy=LOAD._replace(errors=1)), []), "many connections"),
        (Outcome([], None, replace(CONNECTIONS, beside_idle=LOAD._replace(errors=1)), []), "many connections"),
        (Outcome([], None, replace(CONNECTIONS, bytes_per_connection=25_000.0), []), "many connections"),
        (Outcome([], None, replace(CONNECTIONS, bytes_per_process=120e6), []), "many connections"),
        (Outcome([], None, None, [replace(GROWTH, relative=0.8)]), "/get_vod_list, 1000000 rows"),
        (Outcome([], None, None, [replace(GROWTH, errors=1)]), "/get_vod_list, 1000000 rows"),
    ],
)
def test_what_is_missed_is_named(outcome: Outcome, named: str) -> None:
    assert missed(outcome) == [named]


def test_codes_are_those_of_access_lines_up_to_the_last_whole_one() -> None:
    lines = [
        b'{"event":"request","code":200}\n',
        b'{"event":"stopping"}\n',
        b'{"event":"request","code":498}\n',
        b'{"event":"request","co',
    ]
    assert answer_codes(lines) == [200, 498]


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
    assert page.count("<svg") == 4
    assert "http://" not in page.replace("http://www.w3.org", "").replace("http://purl.org", "").replace(
        "http://creativecommons.org", ""
    )
    with Console(file=(tmp_path / "text").open("w"), width=150) as console:
        show(replace(OUTCOME, requests=[replace(RESULT, share=0.75)]), earlier, console)
    console.file.close()
    assert "0.50 (+50%)" in (tmp_path / "text").read_text()


def test_quick_measures_less() -> None:
    assert parse_options(["--quick"]).seconds < parse_options([]).seconds
    assert parse_options(["--seconds", "7", "--", "--performance.batch", "1"]).server == ["--performance.batch", "1"]
