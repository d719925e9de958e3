"""./scripts/cluster: a judgement that overlooks no harm, addresses that nobody else has, and the shipped files."""

import subprocess
import sys

import pytest
import typer

from conf.settings import ROOT
from scripts.chaos_testing.clients import Client, Connection, Sample
from scripts.chaos_testing.command import ending
from scripts.chaos_testing.judgement import Times
from scripts.chaos_testing.ledger import Ledger
from scripts.clustering.faults import SCENARIOS
from scripts.clustering.networks import loopback
from scripts.clustering.running import Harm, judge_harm
from scripts.stores.private_cluster import slots_of

TIMES = Times(start=10, end=20)
ONE_SHARD = Harm(back_within_s=5, one_shard=True)
WRITER = Harm(back_within_s=3, max_write_gap_s=3)


def sample(start: float, outcome: int | str = 503, path: str = "/login") -> Sample:
    return Sample(start, 0.5, path, outcome)


@pytest.mark.parametrize(
    ("harm", "failed", "words"),
    [
        (Harm(), [sample(12)], "failed 2.5 s after the fault: 1, /login 503 after 0.50 s"),
        (ONE_SHARD, [sample(11), sample(15)], "failed 5.5 s after the fault: 1, /login 503 after 0.50 s"),
        (ONE_SHARD, [sample(21), sample(26)], "failed 5.5 s after the fault: 1, /login 503 after 0.50 s"),
        (Harm(in_flight=True), [sample(10.1)], "failed 0.6 s after the fault: 1, /login 503 after 0.50 s"),
        (ONE_SHARD, [sample(11, 500)], "neither 200 nor 503: 1, /login 500 after 0.50 s"),
    ],
)
def test_harm_beyond_the_promise_is_told_in_words(harm: Harm, failed: list[Sample], words: str) -> None:
    assert judge_harm("fault", harm, failed, [], TIMES).broken == [words]


def test_a_promise_allows_the_harm_that_it_names() -> None:
    outcome = judge_harm("fault", ONE_SHARD, [sample(11), sample(14)], [sample(12, 200)], TIMES)
    assert (outcome.broken, outcome.recovery) == ([], 4.5)
    outcome = judge_harm("fault", Harm(in_flight=True), [sample(9.9, "RemoteDisconnected")], [], TIMES)
    assert outcome.broken == []


def test_users_of_other_shards_are_not_harmed() -> None:
    outcome = judge_harm("fault", ONE_SHARD, [sample(11)], [sample(11), sample(12, 200)], TIMES)
    assert outcome.broken == ["1 requests of users of other shards failed, /login 503 after 0.50 s"]


def test_the_time_without_writes_is_measured_by_the_fault_and_by_its_end() -> None:
    writes = [sample(start, 200, "/upload_ugc") for start in (9, 12, 18, 19, 23)]
    (words,) = judge_harm("fault", WRITER, writes, [], TIMES).broken
    assert words == "6.0 s without an acknowledged write, 4.0 s at its return"


def test_a_session_is_lost_only_if_no_later_login_was_tried() -> None:
    answers = iter([{"code": 498}, {"code": 503}, {"code": 498}, {"code": 503}])
    connection = Connection(1, [])
    connection.call = lambda *_: next(answers)  # type: ignore[method-assign]
    client = Client(connection, "alice", Ledger())
    client.call("/get_user_info", {})
    assert client.lost_sessions == 1  # it was acknowledged; the login that follows gets 503
    client.call("/get_user_info", {})
    assert client.lost_sessions == 1


def test_two_clusters_have_different_addresses() -> None:
    with loopback() as first, loopback() as second:
        assert first.addresses != second.addresses
        assert first.machine(10).address == f"{first.addresses}10"


def test_the_slots_of_a_node_are_those_of_all_its_ranges() -> None:
    assert slots_of({"slots": [["1", "3"], ["7"]]}) == {1, 2, 3, 7}


def test_a_machine_of_the_loopback_cannot_be_cut_off() -> None:
    with (
        loopback() as network,
        pytest.raises(RuntimeError, match="cannot be cut off"),
        network.cut(network.machine(21)),
    ):
        pass


@pytest.mark.parametrize("code", [0, 3])
def test_an_exit_code_is_passed_on(code: int) -> None:
    with pytest.raises(typer.Exit) as exited, ending():
        raise typer.Exit(code)
    assert exited.value.exit_code == code


def test_the_scenarios_are_listed_without_starting_anything() -> None:
    command = [sys.executable, "-m", "scripts.clustering", "chaos", "--list"]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout.splitlines()
    assert len(listed) == len(SCENARIOS)
