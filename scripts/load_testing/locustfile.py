"""Locust's entry: the journeys, a line of progress, and the result for the command."""

import gc
import json
import sys
import time
from pathlib import Path

import gevent
from locust import events
from locust.env import Environment
from locust.runners import WorkerRunner

from scripts.load_testing import lateness
from scripts.load_testing.journeys import PLAN, Broadcaster, Newcomer, Uploader, Viewer, WebVisitor

__all__ = ["Broadcaster", "Newcomer", "Uploader", "Viewer", "WebVisitor"]
_INTERVAL_S = 1 if sys.stdout.isatty() else 10


@events.init.add_listener
def collect_garbage_rarely(**_: object) -> None:
    """A full collection visits the objects of all users, and stops them for 200 ms when there are 2,500."""
    gc.freeze()
    gc.set_threshold(10_000, 20, 100)


@events.test_start.add_listener
def show_progress(environment: Environment, **_: object) -> None:
    """Show progress while the test runs."""
    if not isinstance(environment.runner, WorkerRunner):
        gevent.spawn(_show_progress, environment)


def _show_progress(environment: Environment) -> None:
    start = time.monotonic()
    total = environment.stats.total
    before = 0
    while environment.runner.state not in ("stopping", "stopped", "cleanup"):
        gevent.sleep(_INTERVAL_S)
        rate, before = (total.num_requests - before) / _INTERVAL_S, total.num_requests
        of = f" of {PLAN.duration_s}" if PLAN.duration_s else ""
        line = (
            f"{time.monotonic() - start:.0f}{of} s  {environment.runner.user_count} users  {rate:.0f} requests/s  "
            f"{total.num_failures} failures  p99 of 10 s {total.get_current_response_time_percentile(0.99) or 0:.0f} ms"
        )
        if sys.stdout.isatty():
            print(f"\r\033[K{line}", end="", flush=True)
        else:
            print(line, flush=True)


@events.quitting.add_listener
def write_result(environment: Environment, **_: object) -> None:
    """Write what result.py reads."""
    runner, stats = environment.runner, environment.stats
    if isinstance(runner, WorkerRunner):
        return
    if sys.stdout.isatty():
        print("\r\033[K", end="", flush=True)
    result = {
        "rows": [
            {
                "name": entry.name,
                "requests": entry.num_requests,
                "failures": entry.num_failures,
                "rate": entry.total_rps,
                "mean_ms": entry.avg_response_time,
                **{f"p{p}_ms": entry.get_response_time_percentile(p / 100) for p in (50, 95, 99)},
                "max_ms": entry.max_response_time,
            }
            for entry in [*stats.entries.values(), stats.total]
            if entry.num_requests
        ],
        "failures": [[error.name, error.to_dict()["error"], error.occurrences] for error in stats.errors.values()],
        "exceptions": [[str(each["msg"]), int(each["count"])] for each in runner.exceptions.values()],
        **{f"late_p{p}_ms": lateness.percentile(p / 100) for p in (50, 99)},
    }
    Path(PLAN.result).write_text(json.dumps(result))
