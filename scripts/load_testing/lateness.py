"""How late Locust's own processes are: a load generator that waits for a core reports its wait as the server's latency.

A probe sleeps for a tenth of a second at a time. It is late for as long as every user of its process is late.
"""

import time

import gevent
from locust import events
from locust.env import Environment
from locust.runners import MasterRunner

_PROBE_S = 0.1
_late_ms: list[float] = []


def spread(late_s: float) -> list[float]:
    """The lateness (ms) of all probes that a stall would have hit, one after the other, if they had not waited for it.

    HdrHistogram corrects what it calls coordinated omission in the same way.
    """
    return [1000 * (late_s - missed * _PROBE_S) for missed in range(1 + int(late_s / _PROBE_S))]


def percentile(share: float) -> float:
    """The lateness (ms) that this share of the probes does not exceed."""
    late = sorted(_late_ms) or [0.0]
    return late[min(int(share * len(late)), len(late) - 1)]


def _probe() -> None:
    while True:
        start = time.monotonic()
        gevent.sleep(_PROBE_S)
        _late_ms.extend(spread(max(0.0, time.monotonic() - start - _PROBE_S)))


@events.init.add_listener
def _start(environment: Environment, **_: object) -> None:
    if not isinstance(environment.runner, MasterRunner):  # it has no users
        gevent.spawn(_probe)


@events.test_start.add_listener
def _forget(**_: object) -> None:
    _late_ms.clear()


@events.report_to_master.add_listener
def _report(client_id: str, data: dict[str, object]) -> None:
    data["late_ms"] = _late_ms[:]
    _late_ms.clear()


@events.worker_report.add_listener
def _receive(client_id: str, data: dict[str, list[float]]) -> None:
    _late_ms.extend(data["late_ms"])
