"""Runs scenarios: a fault under the load of clients, or something of its own."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from scripts.chaos_testing.clients import Crowd
from scripts.chaos_testing.faults import Fault
from scripts.chaos_testing.installation import Installation
from scripts.chaos_testing.judgement import RECOVERY_S, Outcome, Times, judge
from scripts.chaos_testing.ledger import Ledger
from scripts.stores.processes import Pause


@dataclass(frozen=True)
class Plan:
    """The size of a run: `calm_s` before the fault and after the recovery, `pause_s` is a client's mean pause."""

    users: int = 100
    pause_s: float = 0.25
    calm_s: float = 5
    fault_s: float | None = None
    """The duration of every fault; None: its own."""
    timed: bool = True
    """False: no promise about durations is checked."""
    writes: int = 100_000
    """The number of writes of a scenario that counts them."""
    endurance_s: float = 1200
    """The duration of the scenario that looks for leaks."""


@dataclass(frozen=True)
class Scenario:
    """Something that happens to a running installation, and what became of it."""

    name: str
    title: str
    play: Callable[[Installation, Plan, Pause], Outcome]
    options: Sequence[str] = ()
    """Of the server."""
    supervised: bool = False
    """True to run the workers below supervisor, by the shipped file."""
    small_disk: bool = False
    """True to give MariaDB a small disk of its own."""


def under_load(fault: Fault) -> Scenario:
    """A fault while clients visit the server."""

    def play(whole: Installation, plan: Plan, pause: Pause) -> Outcome:
        return run(whole, fault, plan, [f"chaos{number}" for number in range(plan.users)], pause)

    return Scenario(fault.name, fault.title, play, (), fault.supervised, fault.small_disk)


def run(whole: Installation, fault: Fault, plan: Plan, users: Sequence[str], pause: Pause) -> Outcome:
    """Run a fault on an installation that is whole: the clients visit before it, while it lasts and after it."""
    crowd = Crowd(whole.port, Ledger(), users, plan.pause_s, fault.visits, fault.churn)
    crowd.register()
    with crowd.visiting():
        pause(plan.calm_s)
        start = time.monotonic()
        with fault.occur(whole):
            pause(plan.fault_s or fault.seconds)
        end = time.monotonic()
        while not whole.is_ready():
            pause(0.05)
        pause((RECOVERY_S if plan.timed else 0) + plan.calm_s)
    outcome = judge(fault.name, fault.promise, crowd.samples, Times(start, end), timed=plan.timed)
    compare(outcome, crowd, whole)
    return outcome


def compare(outcome: Outcome, crowd: Crowd, whole: Installation) -> None:
    """Complete an outcome with what is in MySQL, and with what the fault itself has seen."""
    outcome.acknowledged = crowd.ledger.acknowledged
    with whole.sql() as cursor:
        outcome.found = crowd.ledger.found(cursor)
    if outcome.found != outcome.acknowledged:
        outcome.broken.append(f"{outcome.acknowledged - outcome.found} acknowledged writes are lost")
    if crowd.stale:
        outcome.broken.append(f"{crowd.stale} profiles were older than acknowledged")
    outcome.broken += whole.broken
    outcome.note = ", ".join(whole.notes)
    whole.broken.clear()
    whole.notes.clear()
