"""Workers that hang are noticed and replaced, and those that only wait for a CPU are left alone."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from handlers.transport.heartbeat import Silence
from tests.harness.main_process import Server, children, reserved_port, running, wait_for
from tests.harness.scrape import Scrape

INTERVAL_S = 0.05


@contextmanager
def program(text: str) -> Iterator[int]:
    """A Python program that says something when it is ready; its process id."""
    command = [sys.executable, "-c", f"import os, time; print('ready', flush=True); {text}"]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        try:
            assert process.stdout is not None
            process.stdout.readline()
            yield process.pid
        finally:
            process.kill()


def looks(pid: int) -> Iterator[float]:
    """The seconds of silence, as a parent measures them without a sign of life."""
    silence = Silence(pid, beat=1)
    looked = time.monotonic()
    while True:
        time.sleep(INTERVAL_S)
        now = time.monotonic()
        yield silence.look(1, now - looked)
        looked = now


def silent_for(pid: int, seconds: float) -> bool:
    """Whether it is seen to be silent for so long before the test gives up."""
    seen = looks(pid)
    return bool(wait_for(lambda: next(seen) >= seconds))


@pytest.mark.parametrize("text", ["time.sleep(100)", "[0 for _ in iter(int, 1)]"], ids=["asleep", "in a loop"])
def test_a_process_that_sleeps_or_spins_is_silent(text: str) -> None:
    with program(text) as pid:
        assert silent_for(pid, 0.5)


def test_a_stopped_process_is_silent() -> None:
    with program("[0 for _ in iter(int, 1)]") as pid:
        os.kill(pid, signal.SIGSTOP)
        assert silent_for(pid, 0.5)


def test_a_process_that_gets_no_cpu_is_not_silent() -> None:
    """On the CPU of a process that never sleeps, one of the policy SCHED_IDLE gets a 340th (sched(7))."""
    spin = "[0 for _ in iter(int, 1)]"
    with program(spin) as hog, program(spin) as starved:
        cpu = min(os.sched_getaffinity(0))
        for pid in (hog, starved):
            os.sched_setaffinity(pid, {cpu})
        os.sched_setscheduler(starved, os.SCHED_IDLE, os.sched_param(0))
        seen = looks(starved)
        for _ in range(int(1 / INTERVAL_S)):
            silent_s = next(seen)
        assert silent_s < 0.2


def test_a_sign_of_life_ends_the_silence() -> None:
    with program("time.sleep(100)") as pid:
        wait_for(lambda: ") S " in Path(f"/proc/{pid}/stat").read_text())
        silence = Silence(pid, beat=1)
        assert [silence.look(beat, 1) for beat in (1, 1, 2, 2, 3)] == [1, 2, 0, 1, 0]


@contextmanager
def watched(folder: Path, *options: str) -> Iterator[tuple[Server, int]]:
    """A server whose workers may be silent for a second, and the port of its metrics."""
    with reserved_port() as port:
        metrics = ["--metrics.port", str(port), "--metrics.directory", str(folder / "metrics")]
        with running(folder, "--http.heartbeat_timeout", "1", *metrics, *options) as server:
            yield server, port


def events(server: Server, name: str) -> list[dict[str, object]]:
    return [line for line in server.log() if line["event"] == name]


@pytest.mark.usefixtures("mysql", "store")
@pytest.mark.parametrize("count", [1, 2])
def test_a_hung_worker_is_replaced_told_in_the_log_and_counted(tmp_path: Path, count: int) -> None:
    with watched(tmp_path, "--http.processes", str(count)) as (server, port):
        wait_for(lambda: len(events(server, "serving")) == count)
        first = children(server.pid)
        assert len(first) == count
        victim = first[0]
        os.kill(victim, signal.SIGSTOP)
        line = wait_for(lambda: events(server, "worker hangs"))[0]
        assert line["pid"] == victim
        wait_for(lambda: len(set(children(server.pid)) - {victim}) == count)
        wait_for(lambda: len(events(server, "serving")) == count + 1)
        assert all(server.is_ready() for _ in range(8))
        wait_for(lambda: (found := Scrape.of(port)) and found.value("hung_workers_total") == 1)
        assert set(children(server.pid)) > set(first[1:])  # the others live on
        assert len(events(server, "worker hangs")) == 1


@pytest.mark.usefixtures("mysql", "store")
def test_a_worker_that_hangs_in_a_stop_does_not_keep_the_server(tmp_path: Path) -> None:
    with watched(tmp_path, "--http.processes", "2") as (server, _):
        os.kill(children(server.pid)[0], signal.SIGSTOP)
        server.send(signal.SIGTERM)
        assert server.exit_code() == 0
        assert len(events(server, "worker hangs")) == 1


@pytest.mark.usefixtures("mysql", "store")
def test_the_metrics_tell_the_last_sign_of_life(tmp_path: Path) -> None:
    with watched(tmp_path) as (server, port):
        beats = set[float]()

        def beat() -> bool:
            if (found := Scrape.of(port)) is not None:
                beats.add(found.value("process_last_beat_timestamp_seconds", worker="0") or 0)
            return len(beats) > 2

        wait_for(beat)
        assert max(beats) == pytest.approx(time.time(), abs=60)
        assert not events(server, "worker hangs")


@pytest.mark.usefixtures("mysql", "store")
def test_systemd_looks_after_a_single_worker_itself(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WATCHDOG_USEC", "10000000")
    with watched(tmp_path) as (server, _):
        assert children(server.pid) == []
