"""The promises, and the outcome of a fault beside them."""

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from scripts.chaos_testing.clients import OK, UNAVAILABLE, Sample

STALL_S = 1.5
"""The time within which each request is answered."""
LOGIN_S = 5.5
"""The same for a login whose password has to be hashed: it may wait for twice password.max_wait."""
RECOVERY_S = 2.0
"""The time after the end of a fault within which the service is full again."""
_QUICK_S = 0.05  # a p99 that no user notices, however quick it was before
_SHOWN = 3  # of the answers that broke a promise


@dataclass(frozen=True)
class Promise:
    """What a fault may do to requests."""

    refuses: frozenset[str] | None = None
    """The paths that may be refused with 503 while it lasts; None: any."""
    codes: frozenset[int] = frozenset()
    """Codes that may be answered besides."""
    connections_break: bool = False
    """True when requests in flight may get no answer."""
    logins_wait: bool = False
    """True when each user has to log in again, with a password to be hashed: logins wait, and full service for them."""
    p99_times: float = math.inf
    """How much longer the 99th percentile may be while it lasts."""


@dataclass(frozen=True)
class Times:
    """The begin and the end of a fault (time.monotonic)."""

    start: float
    end: float


@dataclass
class Outcome:
    """What became of the requests around a fault. Durations are in seconds, NaN where there was no request."""

    name: str
    sent: int = 0
    codes: Counter[int] = field(default_factory=Counter)
    broken_connections: int = 0
    longest: float = math.nan
    p99: tuple[float, float, float] = (math.nan, math.nan, math.nan)
    """Before, during and after the fault."""
    acknowledged: int = 0
    found: int = 0
    recovery: float = 0.0
    """The time from the end of the fault to the start of the last request that failed."""
    broken: list[str] = field(default_factory=list)
    """The promises that were broken, in words."""
    note: str = ""


def judge(name: str, promise: Promise, samples: Sequence[Sample], times: Times, *, timed: bool) -> Outcome:
    """The outcome of a fault. Unless `timed`, no promise about durations is checked."""
    answered = [sample for sample in samples if isinstance(sample.outcome, int)]
    unanswered = [sample for sample in samples if not isinstance(sample.outcome, int)]
    outcome = Outcome(name, len(samples))
    outcome.codes = Counter(sample.outcome for sample in answered if isinstance(sample.outcome, int))
    outcome.broken_connections = len(unanswered)
    outcome.longest = max((sample.seconds for sample in answered), default=math.nan)
    outcome.p99 = (
        p99(sample for sample in answered if sample.end < times.start),
        p99(sample for sample in answered if sample.end >= times.start and sample.start < times.end),
        p99(sample for sample in answered if sample.start >= times.end),
    )
    outcome.recovery = last_failure(samples, times.end)
    outcome.broken = [
        f"{text}: {len(found)}, {examples(found)}"
        for text, found in {
            "neither 200 nor 503": [s for s in answered if s.outcome not in (OK, UNAVAILABLE, *promise.codes)],
            "failed before the fault": [s for s in samples if s.outcome != OK and s.end < times.start],
            "refused without need": [s for s in answered if _needlessly(s, promise)],
            "no answer": unanswered if not promise.connections_break else [],
        }.items()
        if found
    ]
    if timed:
        outcome.broken += list(_late(outcome, answered, promise))
    return outcome


def last_failure(samples: Iterable[Sample], end: float) -> float:
    """The time in seconds from the end of a fault to the start of the last request that failed; 0 without one."""
    return max((sample.start - end for sample in samples if sample.outcome != OK and sample.start > end), default=0.0)


def p99(samples: Iterable[Sample]) -> float:
    """The 99th percentile of the durations, in seconds."""
    durations = sorted(sample.seconds for sample in samples)
    return durations[int(len(durations) * 0.99)] if durations else math.nan


def _needlessly(sample: Sample, promise: Promise) -> bool:
    return sample.outcome == UNAVAILABLE and promise.refuses is not None and sample.path not in promise.refuses


def _late(outcome: Outcome, answered: Iterable[Sample], promise: Promise) -> Iterable[str]:
    late = [sample for sample in answered if sample.seconds > _limit(sample, promise)]
    if late:
        yield f"late answers: {len(late)}, {examples(late)}"
    if outcome.recovery > (LOGIN_S if promise.logins_wait else RECOVERY_S):
        yield f"full service {outcome.recovery:.1f} s after the fault"
    before, during, _ = outcome.p99
    if during > max(before, _QUICK_S) * promise.p99_times:
        yield f"the p99 rose from {before * 1000:.0f} to {during * 1000:.0f} ms"


def _limit(sample: Sample, promise: Promise) -> float:
    return LOGIN_S if promise.logins_wait and sample.path == "/login" else STALL_S


def examples(samples: Sequence[Sample]) -> str:
    """The first of them in words."""
    return ", ".join(f"{sample.path} {sample.outcome} after {sample.seconds:.2f} s" for sample in samples[:_SHOWN])
