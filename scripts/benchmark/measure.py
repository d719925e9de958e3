"""The measurement: short slices of load, by turns on the bare handler and on the server, so that drift hits both."""

import math
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from statistics import median
from typing import NamedTuple

import ujson

from scripts.benchmark.load import Load, Prepared, Wrk
from scripts.benchmark.population import Stores, user
from scripts.benchmark.requests import MOST_PER_SECOND, Case
from scripts.benchmark.servers import Server, cpu_seconds
from scripts.processes import Pause

_SLICE = 0.5  # s
_BARE_SLICE = 0.25
_LOG_SECONDS = 10  # the server writes its last lines when it gets to it


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
        """Of the bare handler's throughput."""
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
        """Whether the request reaches its target, without an error."""
        return self.share >= self.target and not self.errors


class Bench:
    """What measuring needs: the servers, their stores' process ids, wrk."""

    def __init__(
        self, real: Server, bare: Server, store_pids: tuple[int, int], stores: Stores, wrk: Wrk, pause: Pause
    ) -> None:
        self.real = real
        self.bare = bare
        self.stores = stores
        self.wrk = wrk
        self.pause = pause
        self._redis, self._mysql = store_pids

    def samples(self, prepared: Prepared, seconds: float, *, once: bool = False) -> Iterator[Sample]:
        """Measure for so many seconds in slices, with the bare handler before and after each."""
        before, bare_before = self._bare(prepared)
        first = 0
        for _ in range(max(1, round(seconds / _SLICE))):
            load, cpu = self._real(prepared, first)
            first += load.sent
            if once and first > prepared.number:
                raise RuntimeError(f"only {prepared.number} requests were prepared, and {first} were sent")
            after, bare_after = self._bare(prepared)
            yield Sample(load, (before.rate + after.rate) / 2, cpu[0], (bare_before + bare_after) / 2, *cpu[1:])
            before, bare_before = after, bare_after

    def checked(self, run: Callable[[], Load]) -> Load:
        """A load on the server whose every answer had code 200, or was counted as an error."""
        offset = self.real.log.stat().st_size
        load = run()
        bad = self._refusals(offset, load.requests)
        return load._replace(errors=load.errors + bad)

    def _real(self, prepared: Prepared, first: int) -> tuple[Load, list[float]]:
        groups = (self.real.pids, [self._redis], [self._mysql])
        used = [cpu_seconds(pids) for pids in groups]
        load = self.checked(lambda: self.wrk.run(self.real.port, prepared, _SLICE, first=first))
        return load, [
            (cpu_seconds(pids) - start) * 1000 / load.requests for pids, start in zip(groups, used, strict=True)
        ]

    def _bare(self, prepared: Prepared) -> tuple[Load, float]:
        used = cpu_seconds(self.bare.pids)
        load = self.wrk.run(self.bare.port, prepared, _BARE_SLICE)
        if load.errors:
            raise RuntimeError(f"the bare handler had {load.errors} errors")
        return load, (cpu_seconds(self.bare.pids) - used) * 1000 / load.requests

    def _refusals(self, offset: int, requests: int) -> int:
        """How many answers in the access log had another code than 200; every request has to be there."""
        deadline = time.monotonic() + _LOG_SECONDS
        while True:
            with self.real.log.open("rb") as log:
                log.seek(offset)
                codes = answer_codes(log)
            if len(codes) >= requests:
                return sum(code != 200 for code in codes)
            if time.monotonic() > deadline:
                raise RuntimeError(f"{requests} requests were answered, and {len(codes)} are in the access log")
            self.pause(0.05)


def answer_codes(log: Iterable[bytes]) -> list[int]:
    """The codes of the answers in an access log, read up to the last whole line."""
    events = [ujson.loads(line) for line in log if line.endswith(b"\n")]
    return [event["code"] for event in events if event.get("event") == "request"]


def measure(
    bench: Bench, cases: Sequence[Case], rounds: int, seconds: float, report: Callable[[str], None]
) -> list[Result]:
    """All cases, round by round, each for so many seconds at a time; `report` hears when one is done."""
    samples: dict[str, list[Sample]] = {case.name: [] for case in cases}
    prepared: dict[str, Prepared] = {}
    for _ in range(rounds):
        for case in cases:
            if case.once or case.name not in prepared:
                requests = case.requests(math.ceil(seconds * MOST_PER_SECOND))
                prepared[case.name] = bench.wrk.prepare(case.name, requests)
            if case.name == "refresh":
                bench.stores.open_sessions(user(number, "refresh") for number in range(prepared[case.name].number))
            samples[case.name] += bench.samples(prepared[case.name], seconds, once=case.once)
            bench.stores.remove_written()
            report(case.name)
    return [summary(case, samples[case.name]) for case in cases]


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
