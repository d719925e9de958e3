"""Restarts and stops: what operators do to a server that is in use."""

import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from itertools import islice

from conf.settings import ROOT
from scripts.chaos_testing.clients import Crowd
from scripts.chaos_testing.faults import Fault
from scripts.chaos_testing.installation import Installation
from scripts.chaos_testing.judgement import Outcome, Promise, Times, judge
from scripts.chaos_testing.ledger import Ledger
from scripts.chaos_testing.running import Plan, Scenario, compare
from scripts.stores.processes import Pause, wait_for_end

IN_FLIGHT = 100
LATER = 100  # requests within LATER_S of the stop
LATER_S = 0.2
HALF = 20  # bodies of which a half has come
_NO_HARM = Promise(refuses=frozenset())


@contextmanager
def _rolling_restart_twice(whole: Installation) -> Iterator[None]:
    for _ in range(2):
        _command(whole, "-m", "scripts.restart", "--socket", str(whole.folder / "supervisor.sock"))
    yield


@contextmanager
def _restart_all(whole: Installation) -> Iterator[None]:
    _command(whole, "-m", "supervisor.supervisorctl", "-c", str(whole.folder / "supervisord.conf"), "restart", "all")
    yield


def _command(whole: Installation, *arguments: str) -> None:
    result = subprocess.run([sys.executable, *arguments], cwd=ROOT, capture_output=True, text=True, check=False)
    if result.returncode:
        whole.broken.append(f"{arguments[1]} failed: {result.stdout}{result.stderr}")


FAULTS = (
    Fault("rolling-restart", "two rolling restarts", _rolling_restart_twice, _NO_HARM, supervised=True),
    Fault(
        "restart-all",
        "supervisorctl restart all, which stops all workers before it starts one",
        _restart_all,
        Promise(refuses=frozenset(), connections_break=True),
        supervised=True,
    ),
)


def _stop(whole: Installation, plan: Plan, pause: Pause) -> Outcome:
    """TERM with requests in flight, half bodies, and others that come right after it on open connections."""
    crowd = Crowd(whole.port, Ledger(), [f"stop{number}" for number in range(IN_FLIGHT + HALF + LATER)], plan.pause_s)
    crowd.register()
    clients, unlocked = iter(crowd.clients), threading.Event()
    assert whole.process is not None
    with whole.sql() as cursor, ThreadPoolExecutor(len(crowd.clients)) as threads:
        cursor.execute("LOCK TABLES tb_ugc WRITE")
        requests = [threads.submit(client.write, "/upload_ugc") for client in islice(clients, IN_FLIGHT)]
        requests += [threads.submit(client.write, "/upload_ugc", unlocked.wait) for client in islice(clients, HALF)]
        pause(LATER_S)  # until they have come to the lock
        start = time.monotonic()
        whole.process.send_signal(signal.SIGTERM)
        for client in clients:
            requests.append(threads.submit(client.write, "/upload_ugc"))
            time.sleep(LATER_S / LATER)
        cursor.execute("UNLOCK TABLES")
        unlocked.set()
        for request in requests:
            request.result()
    wait_for_end(whole.process, pause)
    outcome = judge("stop", Promise(), crowd.samples, Times(start, time.monotonic()), timed=plan.timed)
    compare(outcome, crowd, whole)
    return outcome


SCENARIOS = (Scenario("stop", "TERM with requests in flight, half bodies, and requests right after it", _stop),)
