"""More requests than the server can serve: it serves as many as before, and refuses the others at once."""

import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress
from functools import partial
from itertools import chain, count
from queue import Empty, SimpleQueue
from typing import NamedTuple

from scripts.benchmark.load import Wrk
from scripts.benchmark.population import Stores, user
from scripts.benchmark.requests import POPULATION, mix
from scripts.chaos_testing.clients import OK, PASSWORD, READS, UNAVAILABLE, Connection, Crowd, Sample
from scripts.chaos_testing.installation import WORKERS, Installation
from scripts.chaos_testing.judgement import LOGIN_S, RECOVERY_S, Outcome, Promise, Times, judge, last_failure, p99
from scripts.chaos_testing.ledger import Ledger
from scripts.chaos_testing.running import Plan, Scenario, compare
from scripts.stores.private_servers import Urls
from scripts.stores.processes import Pause

MIN_GOODPUT = 0.8  # of the maximum
REFUSED_WITHIN_S = 0.3
_STORM_S = 15
_AFTERWARDS = 0.5  # of the maximum: as many requests as on an ordinary day
_POOL = 16  # writes of a worker to one table at a time, half of mysql.pool_size
_WRITERS = 300
_LOGGING_IN = 600
_GUESTS = 30_000  # enough for 380 hashes a second
_READERS = 30
_MIX_CONNECTIONS = (64, 1024)  # 64 use the server up; each of 1024 sends its next request as soon as it is answered
_MIX_REQUESTS = 300_000  # as many as 20,000 a second
_READS_AFTERWARDS = 50  # a second
_OTHERS = Promise(refuses=frozenset(), p99_times=2)

Actor = Callable[[], object]
"""Sends one request. One thread at a time uses it."""


class Senders(NamedTuple):
    """Senders of one kind of request, what became of the requests, and how many senders use the server up."""

    actors: Sequence[Actor]
    samples: list[Sample]
    saturating: int


def saturate(actors: Sequence[Actor], seconds: float) -> None:
    """Send requests for a while, with each actor the next one when the last is answered."""
    end = time.monotonic() + seconds

    def act(actor: Actor) -> None:
        while time.monotonic() < end:
            actor()

    with ThreadPoolExecutor(len(actors)) as threads:
        list(threads.map(act, actors))


def offer(actors: Sequence[Actor], moments: Iterable[float], pause: Pause) -> None:
    """Send a request at each of the moments, in seconds from now, however many are unanswered.

    Each is sent by an actor of its own. None is sent while all actors wait for answers.
    """
    free: SimpleQueue[Actor] = SimpleQueue()
    for actor in actors:
        free.put(actor)

    def act(actor: Actor) -> None:
        actor()
        free.put(actor)

    start = time.monotonic()
    with ThreadPoolExecutor(len(actors)) as threads:
        for moment in moments:
            pause(max(0, start + moment - time.monotonic()))
            with suppress(Empty):
                threads.submit(act, free.get_nowait())


def evenly(rate: float, seconds: float, start: float = 0) -> Iterator[float]:
    """The moments of so many requests per second."""
    return (start + number / rate for number in range(int(rate * seconds)))


def _storm(
    whole: Installation,
    plan: Plan,
    pause: Pause,
    *,
    name: str,
    times: float,
    prepare: Callable[[Installation, Ledger], Senders],
) -> Outcome:
    """Measure the maximum of a kind of request, then offer `times` as many, then half of it, beside users who read."""
    ledger = Ledger()
    readers = Crowd(whole.port, ledger, [f"reader{number}" for number in range(_READERS)], plan.pause_s, READS)
    readers.register()
    senders = prepare(whole, ledger)
    with readers.visiting():
        pause(plan.calm_s)
        busy = time.monotonic()
        saturate(senders.actors[: senders.saturating], _STORM_S)
        maximum = _goodput(senders.samples, busy)
        senders.samples.clear()
        start = time.monotonic()
        end = start + _STORM_S
        afterwards = evenly(maximum * _AFTERWARDS, RECOVERY_S + plan.calm_s, _STORM_S)
        offer(senders.actors, chain(evenly(maximum * times, _STORM_S), afterwards), pause)
    outcome = judge(name, _OTHERS, readers.samples, Times(busy, end), timed=plan.timed)
    outcome.recovery = max(outcome.recovery, last_failure(senders.samples, end))
    refused, goodput = _refused(senders.samples, end), _goodput(senders.samples, start)
    whole.notes.append(
        f"maximum {maximum:.1f} a second, offered {maximum * times:.1f}, served {goodput:.1f},"
        f" refused {len(refused)}, p99 of a refusal {p99(refused):.2f} s"
    )
    whole.broken += judge_storm(senders.samples, end, goodput / maximum if maximum else 0)
    compare(outcome, readers, whole)
    return outcome


def judge_storm(samples: Sequence[Sample], end: float, share: float) -> Iterator[str]:
    """The promises that a storm broke, in words. `share` of the maximum was served until its end."""
    refusal, recovery = p99(_refused(samples, end)), last_failure(samples, end)
    if share < MIN_GOODPUT:
        yield f"under overload it serves {share:.0%} of what it can"
    if refusal > REFUSED_WITHIN_S:
        yield f"a refusal takes {refusal:.2f} s"
    if late := sum(sample.seconds > LOGIN_S for sample in samples):
        yield f"{late} requests of the storm took more than {LOGIN_S} s"
    if recovery > RECOVERY_S:
        yield f"it recovers {recovery:.1f} s after the storm"
    if others := sum(sample.outcome not in (OK, UNAVAILABLE) for sample in samples):
        yield f"{others} requests of the storm got neither 200 nor 503"


def _refused(samples: Sequence[Sample], end: float) -> list[Sample]:
    """The requests of a storm that were refused."""
    return [sample for sample in samples if sample.outcome == UNAVAILABLE and sample.start < end]


def _goodput(samples: Sequence[Sample], start: float) -> float:
    """Requests per second that were served within the time of a storm."""
    return sum(sample.outcome == OK and sample.end < start + _STORM_S for sample in samples) / _STORM_S


def _slow_writes(whole: Installation, ledger: Ledger) -> Senders:
    """Uploads of short videos, each of which takes MariaDB a second."""
    writers = Crowd(whole.port, ledger, [f"writer{number}" for number in range(_WRITERS)], 1)
    writers.register()
    with whole.sql() as cursor:
        cursor.execute("CREATE TRIGGER slow BEFORE INSERT ON tb_ugc FOR EACH ROW DO SLEEP(1)")
    actors = [partial(client.write, "/upload_ugc") for client in writers.clients]
    return Senders(actors, writers.samples, WORKERS * _POOL)


def _first_logins(whole: Installation, _: Ledger) -> Senders:
    """Logins of users who have never logged in: each password has to be hashed."""
    with closing(Stores(Urls(whole.mysql.url, whole.redis.url))) as stores:
        stores.add_accounts("guest", 1, _GUESTS)
    numbers, samples = count(1), list[Sample]()

    def log_in(connection: Connection) -> None:
        connection.call("/login", {"userid": f"guest{next(numbers)}", "password": PASSWORD})

    actors = [partial(log_in, Connection(whole.port, samples)) for _ in range(_LOGGING_IN)]
    return Senders(actors, samples, 8)


def _mix(whole: Installation, plan: Plan, pause: Pause) -> Outcome:
    """The mix of the benchmark, by wrk: as fast as the server serves it, then on many more connections."""
    with closing(Stores(Urls(whole.mysql.url, whole.redis.url))) as stores:
        stores.fill(POPULATION, lambda _: None)
        stores.open_sessions(user(number + 1) for number in range(POPULATION))
    wrk = Wrk(whole.folder, pause)
    busy, many = (
        wrk.run(whole.port, wrk.prepare("mix", mix(_MIX_REQUESTS), once=True), _STORM_S, connections=connections)
        for connections in _MIX_CONNECTIONS
    )
    end, samples = time.monotonic(), list[Sample]()
    with closing(Connection(whole.port, samples)) as connection:
        offer([partial(_read, connection)], evenly(_READS_AFTERWARDS, RECOVERY_S + plan.calm_s), pause)
    share = (many.requests - many.errors) / many.seconds / busy.rate
    whole.notes.append(
        f"{busy.rate:,.0f} a second on {_MIX_CONNECTIONS[0]} connections, {share:.0%} of it served on"
        f" {_MIX_CONNECTIONS[1]:,}, {many.errors} refused or failed, p99 {many.p99 / 1000:.2f} s"
    )
    outcome = judge("overload", Promise(), samples, Times(end, end), timed=plan.timed)
    outcome.sent = busy.requests + many.requests
    outcome.codes = Counter({OK: outcome.sent - busy.errors - many.errors, UNAVAILABLE: busy.errors + many.errors})
    outcome.broken += judge_storm((), end, share)
    outcome.note = ", ".join(whole.notes)
    return outcome


def _read(connection: Connection) -> None:
    reader = user(1)
    connection.call("/get_user_info", {}, reader.token)


SCENARIOS = (
    Scenario(
        "slow-database",
        "MariaDB takes a second for a write, and twice as many are offered",
        partial(_storm, name="slow-database", times=2, prepare=_slow_writes),
    ),
    Scenario(
        "login-storm",
        "four times as many first logins as can be hashed",
        partial(_storm, name="login-storm", times=4, prepare=_first_logins),
    ),
    Scenario("overload", "the mix on sixteen times the connections that use the server up", _mix),
)
