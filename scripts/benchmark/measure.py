"""The measurement: slices of load alternate between the bare handler and the server, so that drift affects both."""

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import repeat
from statistics import mean, median
from typing import NamedTuple

from scripts.benchmark.access_log import AccessLog
from scripts.benchmark.load import Load, Prepared, Wrk
from scripts.benchmark.population import Stores, user
from scripts.benchmark.requests import Case, raw
from scripts.benchmark.servers import Server, cpu_seconds
from scripts.stores.processes import Pause

SLICE = 0.5  # s
_BARE_SLICE = 0.25


class Sample(NamedTuple):
    """A slice: the load, the bare handler's rate before and after it, CPU ms per request."""

    load: Load
    bare: float
    cpu: float
    bare_cpu: float
    redis_cpu: float
    mysql_cpu: float

    @property
    def share(self) -> float:
        """The throughput as a share of the bare handler's."""
        return self.load.rate / self.bare


@dataclass(frozen=True)
class Result:
    """The medians of a request's samples: rates per second, latencies in ms, CPU in ms per request."""

    name: str
    target: float
    rate: float
    bare: float
    share: float
    p50: float
    p99: float
    cpu: float
    bare_cpu: float
    redis_cpu: float
    mysql_cpu: float
    requests: int
    errors: int

    @property
    def met(self) -> bool:
        """True when the request reaches its target without an error."""
        return self.share >= self.target and not self.errors


class Bench:
    """The servers, the process ids of their stores, and wrk."""

    def __init__(
        self, real: Server, bare: Server, store_pids: tuple[int, int], stores: Stores, wrk: Wrk, pause: Pause
    ) -> None:
        self.real = real
        self.bare = bare
        self.stores = stores
        self.wrk = wrk
        self.pause = pause
        self.log = AccessLog(real.log, pause)
        self._redis, self._mysql = store_pids

    def max_rate(self) -> float:
        """An upper limit for the requests per second of any interface: reads reach twice the bare handler's rate."""
        return 3 * self.wrk.run(self.bare.port, self.wrk.prepare("warm-up", [raw("/", {})]), 1).rate

    def samples(self, slices: Iterable[Prepared]) -> Iterator[Sample]:
        """Send the prepared requests of each slice to the server, and before and after that to the bare handler."""
        before: tuple[Load, float] | None = None
        for prepared in slices:
            before = before or self._bare(prepared)
            load, cpu = self._real(prepared)
            after = self._bare(prepared)
            rates, bare_cpu = zip(*((bare.rate, used) for bare, used in (before, after)), strict=True)
            yield Sample(load, mean(rates), cpu[0], mean(bare_cpu), *cpu[1:])
            before = after

    def checked(self, run: Callable[[], Load], *, others: int = 0) -> Load:
        """Run a load on the server and count every answer with a code other than 200 as an error.

        `others` is the number of requests that another client sends meanwhile.
        """
        start = self.log.size()
        load = run()
        return load._replace(errors=load.errors + self.log.refusals(start, load.sent + others))

    def _real(self, prepared: Prepared) -> tuple[Load, list[float]]:
        groups = (self.real.pids, [self._redis], [self._mysql])
        used = [cpu_seconds(pids) for pids in groups]
        port = self.real.tls_port if prepared.tls else self.real.port
        load = self.checked(lambda: self.wrk.run(port, prepared, SLICE))
        return load, [
            (cpu_seconds(pids) - start) * 1000 / load.requests for pids, start in zip(groups, used, strict=True)
        ]

    def _bare(self, prepared: Prepared) -> tuple[Load, float]:
        used = cpu_seconds(self.bare.pids)
        load = self.wrk.run(self.bare.port, prepared._replace(tls=False), _BARE_SLICE)
        if load.errors:
            raise RuntimeError(f"the bare handler had {load.errors} errors")
        return load, (cpu_seconds(self.bare.pids) - used) * 1000 / load.requests


def measure(
    bench: Bench, cases: Sequence[Case], rounds: int, seconds: float, report: Callable[[str], None]
) -> list[Result]:
    """Measure all cases round by round, each for `seconds`; `report` gets the name of every case that is done."""
    samples: dict[str, list[Sample]] = {case.name: [] for case in cases}
    prepared: dict[str, Prepared] = {}
    count = slices_in(seconds)
    max_requests = math.ceil(SLICE * bench.max_rate())
    for _ in range(rounds):
        for case in cases:
            slices: Iterable[Prepared]
            if case.once:
                slices = _fresh(bench, case, count, max_requests)
            else:
                if case.name not in prepared:
                    requests = bench.wrk.prepare(case.name, case.requests(max_requests))
                    prepared[case.name] = requests._replace(tls=case.tls)
                slices = repeat(prepared[case.name], count)
            samples[case.name] += bench.samples(slices)
            bench.stores.remove_written()
            report(case.name)
    return [summary(case, samples[case.name]) for case in cases]


def _fresh(bench: Bench, case: Case, count: int, size: int) -> Iterator[Prepared]:
    """`count` slices of `size` requests, none of them twice."""
    requests = case.requests(count * size)
    if case.name == "refresh":
        bench.stores.open_sessions(user(number, "refresh") for number in range(len(requests)))
    for first in range(0, count * size, size):
        yield bench.wrk.prepare(case.name, requests[first : first + size], once=True)


def slices_in(seconds: float) -> int:
    """The number of slices in a measurement."""
    return max(1, round(seconds / SLICE))


def summary(case: Case, samples: Sequence[Sample]) -> Result:
    """The medians of the samples, the sum of their errors."""

    def middle(value: Callable[[Sample], float]) -> float:
        return median(map(value, samples))

    return Result(
        name=case.name,
        target=case.target,
        rate=middle(lambda sample: sample.load.rate),
        bare=middle(lambda sample: sample.bare),
        share=middle(lambda sample: sample.share),
        p50=middle(lambda sample: sample.load.p50),
        p99=middle(lambda sample: sample.load.p99),
        cpu=middle(lambda sample: sample.cpu),
        bare_cpu=middle(lambda sample: sample.bare_cpu),
        redis_cpu=middle(lambda sample: sample.redis_cpu),
        mysql_cpu=middle(lambda sample: sample.mysql_cpu),
        requests=sum(sample.load.requests for sample in samples),
        errors=sum(sample.load.errors for sample in samples),
    )
