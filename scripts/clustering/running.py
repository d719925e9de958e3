"""A fault under the load of users of all shards, and what became of their requests."""

import math
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass
from functools import partial
from itertools import count, pairwise

from scripts.benchmark.servers import HIGH_LIMITS
from scripts.chaos_testing.clients import INVALID_TOKEN, OK, Crowd, Sample, Visits
from scripts.chaos_testing.installation import CALLBACK_KEY
from scripts.chaos_testing.judgement import Outcome, Promise, Times, examples, judge
from scripts.chaos_testing.ledger import Ledger
from scripts.clustering.cluster import Cluster
from services.redis import keys

VISITS: Visits = (
    ("/get_user_info", 24),
    ("/get_vod_list", 18),
    ("/get_ugc_list", 18),
    ("/upload_user_info", 8),
    ("/upload_ugc", 12),
    ("/upload_room", 8),
    ("/login", 8),
    ("/refresh", 4),
)
_WRITES = frozenset({"/upload_user_info", "/upload_ugc", "/upload_room"})
_SHARDS = 3
_HANDED_OVER_S = 0.05
"""A request that began so soon after a kill may have been on its way already."""


@dataclass(frozen=True)
class Plan:
    """The size of a run: `calm_s` before the fault and when all is whole again, `pause_s` is a client's mean pause."""

    users: int = 60
    pause_s: float = 0.25
    calm_s: float = 3
    options: Sequence[str] = (
        *("--live.callback_key", CALLBACK_KEY, "--log.access", "false", *HIGH_LIMITS),
        *("--password.time_cost", "1", "--password.memory_kib", "64"),  # all users log in at once, at the beginning
    )
    """Of the apps."""


@dataclass(frozen=True)
class Scenario:
    """Something that happens to a cluster, and what became of it."""

    name: str
    title: str
    play: Callable[[Cluster, Plan], Outcome]
    cuts: bool = False
    """True when it cuts a machine off."""
    spread: bool = False
    """True to let each app group write to a MariaDB of its own."""


@dataclass(frozen=True)
class Harm:
    """What a fault may do to requests."""

    back_within_s: float = 0
    """The time after which no request fails, from the begin of the fault, and again from the first that its end harms.

    0: none fails at all.
    """
    one_shard: bool = False
    """True when it may harm only the users of one primary of Redis."""
    in_flight: bool = False
    """True when requests that had begun may get no answer."""
    max_write_gap_s: float = math.inf
    """The longest time without an acknowledged write, by the fault and by its end."""
    stale: bool = False
    """True when a read may miss a write that was acknowledged just before."""


@dataclass(frozen=True)
class Fault:
    """Something that breaks for `seconds`, or as long as `occur` itself takes."""

    name: str
    title: str
    occur: Callable[[Cluster], AbstractContextManager[None]]
    harm: Harm
    seconds: float = 8
    key: str = ""
    """A key of Redis on the shard that is harmed."""
    cuts: bool = False
    pause_s: float | None = None
    """The mean pause of a client, if it is not the plan's."""


def under_load(fault: Fault) -> Scenario:
    """A fault while users of all shards visit the apps."""
    return Scenario(fault.name, fault.title, partial(run, fault), fault.cuts)


def run(fault: Fault, whole: Cluster, plan: Plan) -> Outcome:
    """The users visit before the fault, while it lasts, and until all is whole again."""
    ledger, victim = Ledger(), whole.primary(fault.key).address
    crowds = {
        address: Crowd(whole.port, ledger, users, fault.pause_s or plan.pause_s, VISITS)
        for address, users in _users(whole, plan.users // _SHARDS).items()
    }
    for crowd in crowds.values():
        crowd.register()
    with ExitStack() as visiting:
        for crowd in crowds.values():
            visiting.enter_context(crowd.visiting())
        whole.pause(plan.calm_s)
        start = time.monotonic()
        with fault.occur(whole):
            whole.pause(max(0, start + fault.seconds - time.monotonic()))
        end = time.monotonic()
        whole.wait_until_whole()
        whole.pause(plan.calm_s)
    samples = sorted(sample for crowd in crowds.values() for sample in crowd.samples)
    others = [sample for address, crowd in crowds.items() if address != victim for sample in crowd.samples]
    outcome = judge_harm(fault.name, fault.harm, samples, others, Times(start, end))
    _compare(outcome, fault.harm, list(crowds.values()), ledger, whole)
    return outcome


def _users(whole: Cluster, number: int) -> Mapping[str, Sequence[str]]:
    """So many users for each primary, by its address."""
    users: dict[str, list[str]] = {}
    for userid in (f"user{each}" for each in count()):
        users.setdefault(whole.primary(keys.token(userid)).address, []).append(userid)
        if len(users) == _SHARDS and min(map(len, users.values())) >= number:
            break
    return {address: each[:number] for address, each in users.items()}


def judge_harm(name: str, harm: Harm, samples: Sequence[Sample], others: Sequence[Sample], times: Times) -> Outcome:
    """The outcome of a fault. `others` are the requests of users whose sessions are elsewhere."""
    promise = Promise(codes=frozenset({INVALID_TOKEN}), connections_break=harm.in_flight)
    outcome = judge(name, promise, samples, times, timed=False)
    failed = [sample for sample in samples if _is_harmed(sample)]
    if harm.in_flight:
        failed = [sample for sample in failed if sample.start > times.start + _HANDED_OVER_S]
    begun = [sample for sample in failed if sample.start < times.end]
    ended = [sample for sample in failed if sample.start >= times.end]
    # How long requests failed from the begin of the fault on, and from the first that its end harms.
    outages = [(sample.end - times.start, sample) for sample in begun]
    outages += [(sample.end - ended[0].start, sample) for sample in ended]
    outcome.recovery = max((seconds for seconds, _ in outages), default=0.0)
    if late := [sample for seconds, sample in outages if seconds > harm.back_within_s]:
        outcome.broken.append(f"failed {outcome.recovery:.1f} s after the fault: {len(late)}, {examples(late)}")
    harmed = [sample for sample in others if _is_harmed(sample)]
    if harm.one_shard:
        outcome.note = f"users of other shards: {len(harmed)} of {len(others):,} failed"
        if harmed:
            outcome.broken.append(f"{len(harmed)} requests of users of other shards failed, {examples(harmed)}")
    if math.isfinite(harm.max_write_gap_s):
        gaps = write_gap(samples, times.start, times.end), write_gap(samples, times.end, math.inf)
        outcome.note = f"{gaps[0]:.1f} s without an acknowledged write, {gaps[1]:.1f} s at its return"
        if max(gaps) > harm.max_write_gap_s:
            outcome.broken.append(outcome.note)
    return outcome


def _is_harmed(sample: Sample) -> bool:
    """True for a refused or unanswered request. A session may have been ended by a login whose answer was lost."""
    return sample.outcome not in (OK, INVALID_TOKEN)


def write_gap(samples: Sequence[Sample], start: float, end: float) -> float:
    """The longest time between two acknowledged writes, of which the first was acknowledged from `start` to `end`."""
    ends = sorted(sample.end for sample in samples if sample.path in _WRITES and sample.outcome == OK)
    return max(
        (later - earlier for earlier, later in pairwise(ends) if earlier < end and later > start), default=math.inf
    )


def _compare(outcome: Outcome, harm: Harm, crowds: Sequence[Crowd], ledger: Ledger, whole: Cluster) -> None:
    """Complete an outcome with what every MariaDB has, and with the sessions that were lost."""
    outcome.acknowledged = ledger.acknowledged
    found = []
    for node in whole.databases:
        node.catch_up()
        with node.connection() as connection, connection.cursor() as cursor:
            found.append(ledger.found(cursor))
    outcome.found = min(found)
    if outcome.found != outcome.acknowledged:
        outcome.broken.append(f"{outcome.acknowledged - outcome.found} acknowledged writes are lost")
    if stale := sum(crowd.stale for crowd in crowds):
        (whole.notes if harm.stale else outcome.broken).append(f"{stale} profiles were older than acknowledged")
    lost = sum(crowd.lost_sessions for crowd in crowds)
    if lost:
        outcome.broken.append(f"{lost} acknowledged logins are lost")
    outcome.broken += whole.broken
    outcome.note = ", ".join(filter(None, [outcome.note, *whole.notes]))
