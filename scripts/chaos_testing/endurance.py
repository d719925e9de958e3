"""A long visit with connections that come and go: nothing may grow."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from statistics import mean
from typing import NamedTuple

from scripts.benchmark.servers import memory_bytes
from scripts.chaos_testing.faults import Fault
from scripts.chaos_testing.installation import Installation, files
from scripts.chaos_testing.judgement import Outcome, Promise
from scripts.chaos_testing.running import Plan, Scenario, run
from scripts.stores.processes import Pause

_EVERY_S = 5
_MAX_GROWTH = 0.05
_SPARE = {"memory": 8_000_000, "keys": 5, "mysql": 4, "files": 30}
"""What may come on top, for numbers that are small."""


class Sizes(NamedTuple):
    """Memory of all workers in bytes, keys in Redis, connections to MySQL, open descriptors of all workers."""

    memory: float
    keys: float
    mysql: float
    files: float


@contextmanager
def _watched(whole: Installation) -> Iterator[None]:
    seen: list[Sizes] = []
    stop = threading.Event()

    def watch() -> None:
        while not stop.wait(_EVERY_S):
            seen.append(_sizes(whole))

    watching = threading.Thread(target=watch)
    watching.start()
    yield
    stop.set()
    watching.join()
    # The first quarter fills caches.
    quarter = len(seen) // 4
    early, late = (
        Sizes(*map(mean, zip(*part, strict=True))) for part in (seen[quarter : 2 * quarter], seen[-quarter:])
    )
    whole.notes.append(
        f"memory {early.memory / 1e6:.0f} → {late.memory / 1e6:.0f} MB, keys {early.keys:.0f} → {late.keys:.0f},"
        f" MySQL connections {early.mysql:.0f} → {late.mysql:.0f}, descriptors {early.files:.0f} → {late.files:.0f}"
    )
    for name, before, after in zip(Sizes._fields, early, late, strict=True):
        if after > before * (1 + _MAX_GROWTH) + _SPARE[name]:
            whole.broken.append(f"{name} grew from {before:,.0f} to {after:,.0f}")


def _sizes(whole: Installation) -> Sizes:
    with whole.sql() as cursor, whole.commands() as redis:
        connections = cursor.execute("SELECT id FROM information_schema.processlist WHERE user = 'server'")
        return Sizes(sum(map(memory_bytes, whole.workers)), redis.dbsize(), connections, files(whole))


_CHURN = Fault("endurance", "clients whose connections come and go", _watched, Promise(refuses=frozenset()), churn=0.1)


def _endure(whole: Installation, plan: Plan, pause: Pause) -> Outcome:
    users = [f"chaos{number}" for number in range(plan.users)]
    return run(whole, replace(_CHURN, seconds=plan.endurance_s), plan, users, pause)


SCENARIOS = (Scenario(_CHURN.name, _CHURN.title, _endure),)
