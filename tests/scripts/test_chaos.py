"""./scripts/chaos: every fault once, small, and a judgement that overlooks no broken promise."""

import threading
import time
from pathlib import Path

import pytest
from pymysql.cursors import Cursor

from scripts.chaos_testing.clients import Sample
from scripts.chaos_testing.faults import FAULTS
from scripts.chaos_testing.installation import installation
from scripts.chaos_testing.judgement import Promise, Times, judge
from scripts.chaos_testing.ledger import Ledger
from scripts.chaos_testing.overload import evenly, judge_storm, offer
from scripts.chaos_testing.running import Plan, run

SMALL = Plan(users=10, pause_s=0.05, calm_s=0.1, fault_s=0.5, timed=False)
CHEAP_HASHES = ("--password.time_cost", "1", "--password.memory_kib", "64")
# A longer duration of another one, and one that takes seconds until it is noticed.
LONG = {"mysql-stopped-long", "worker-hung"}
TIMES = Times(start=10, end=20)


def test_every_fault_of_stores_and_workers_keeps_the_promises(tmp_path: Path) -> None:
    broken = {}
    with installation(tmp_path, time.sleep, CHEAP_HASHES) as whole:
        for fault in FAULTS:
            if fault.name not in LONG and not fault.small_disk:  # the disk of a test is that of the machine
                users = [f"{fault.name}{number}" for number in range(SMALL.users)]
                outcome = run(whole, fault, SMALL, users, time.sleep)
                assert outcome.acknowledged > 0, fault.name
                broken[fault.name] = outcome.broken
    assert not any(broken.values()), broken


@pytest.mark.parametrize(
    ("sample", "words"),
    [
        (Sample(12, 0.1, "/login", 500), "neither 200 nor 503: 1, /login 500 after 0.10 s"),
        (Sample(12, 0.1, "/login", 498), "neither 200 nor 503: 1, /login 498 after 0.10 s"),
        (Sample(5, 0.1, "/login", 503), "failed before the fault: 1, /login 503 after 0.10 s"),
        (Sample(12, 0.1, "/get_vod_list", 503), "refused without need: 1, /get_vod_list 503 after 0.10 s"),
        (Sample(12, 0.1, "/login", "ConnectionResetError"), "no answer: 1, /login ConnectionResetError after 0.10 s"),
        (Sample(12, 1.6, "/login", 200), "late answers: 1, /login 200 after 1.60 s"),
        (Sample(22.5, 0.1, "/login", 503), "full service 2.5 s after the fault"),
    ],
)
def test_a_broken_promise_is_told_in_words(sample: Sample, words: str) -> None:
    promise = Promise(refuses=frozenset({"/login"}))
    outcome = judge("fault", promise, [Sample(12, 0.1, "/login", 503), sample], TIMES, timed=True)
    assert outcome.broken == [words]


def test_a_promise_allows_what_it_names() -> None:
    promise = Promise(codes=frozenset({498}), connections_break=True, logins_wait=True)
    samples = [
        Sample(5, 0.1, "/login", 200),
        Sample(12, 2.4, "/login", 498),
        Sample(21, 0.2, "/login", "ConnectionResetError"),
    ]
    outcome = judge("fault", promise, samples, TIMES, timed=True)
    assert (outcome.broken, outcome.sent, outcome.broken_connections) == ([], 3, 1)
    assert outcome.p99[:2] == (0.1, 2.4)


def test_without_time_limits_no_duration_is_judged() -> None:
    late = [Sample(12, 9, "/login", 200), Sample(29, 0.1, "/login", 503)]
    assert judge("fault", Promise(), late, TIMES, timed=False).broken == []


@pytest.mark.parametrize(
    ("sample", "share", "words"),
    [
        (Sample(12, 0.1, "/login", 503), 0.79, "under overload it serves 79% of what it can"),
        (Sample(12, 0.4, "/login", 503), 1, "a refusal takes 0.40 s"),
        (Sample(21, 6, "/login", 200), 1, "1 requests of the storm took more than 5.5 s"),
        (Sample(22.5, 0.4, "/login", 503), 1, "it recovers 2.5 s after the storm"),
        (Sample(12, 0.1, "/login", 500), 1, "1 requests of the storm got neither 200 nor 503"),
        (Sample(21, 0.1, "/login", "ConnectionResetError"), 1, "1 requests of the storm got neither 200 nor 503"),
    ],
)
def test_a_promise_that_a_storm_broke_is_told_in_words(sample: Sample, share: float, words: str) -> None:
    assert list(judge_storm([Sample(12, 4, "/login", 200), sample], TIMES.end, share)) == [words]


def test_a_storm_sends_while_requests_are_unanswered() -> None:
    barrier, sent = threading.Barrier(3), list[int]()
    offer([lambda: sent.append(barrier.wait(5))] * 3, evenly(100, 0.03), time.sleep)
    assert sorted(sent) == [0, 1, 2]
    assert list(evenly(2, 1.5, start=10)) == [10, 10.5, 11]


def test_the_ledger_misses_what_is_lost_and_forgives_what_was_only_tried() -> None:
    ledger = Ledger()
    names = [ledger.next_name("alice") for _ in range(3)]
    ledger.acknowledge("/upload_user_info", "alice", names[1])
    ledger.acknowledge("/upload_ugc", "alice", "f1")
    assert ledger.acknowledged == 2
    assert [ledger.fits("alice", name) for name in (*names, "")] == [False, True, True, False]


def test_the_ledger_counts_what_mysql_has(mysql: Cursor) -> None:
    ledger = Ledger()
    for key in ("f1", "f2"):
        ledger.acknowledge("/upload_ugc", "alice", key)
    ledger.acknowledge("/upload_user_info", "alice", ledger.next_name("alice"))
    mysql.execute("INSERT INTO tb_account (userid, password, nickname) VALUES ('alice', '', 'alice 1')")
    mysql.execute(
        "INSERT INTO tb_ugc (userid, file_id, title, frontcover, location, play_url)"
        " VALUES ('alice', 'f1', '', '', '', ''), ('alice', 'f3', '', '', '', '')"
    )
    assert (ledger.acknowledged, ledger.found(mysql)) == (3, 2)
