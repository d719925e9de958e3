"""Growth: the cost of a thousand times more rows."""

import random
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import repeat
from statistics import median
from time import perf_counter

from rich.progress import Progress

from scripts.benchmark.checks import Client
from scripts.benchmark.measure import Bench, slices_in
from scripts.benchmark.population import user
from scripts.benchmark.requests import signed

SIZES = (1_000, 100_000, 1_000_000)
DEEP = 100_000  # an `index` that few users scroll to
MAX_DIFFERENCE = 0.20
_CALLERS = 1_000
_UNCACHED = 100
# Limits for the time of an uncached page, relative to the smallest tables. A page at a deep index may take longer: the
# server steps over the keys of the rows before it. To read these rows would take a hundred times as long.
_MAX_UNCACHED_RATIO = 2
_MAX_DEEP_UNCACHED_RATIO = 20


@dataclass(frozen=True)
class Growth:
    """A request on tables of `rows` rows, for a list at offset `index`: its share of the bare handler's throughput."""

    path: str
    rows: int
    index: int | None
    share: float
    relative: float
    """The share divided by that on the smallest tables."""
    uncached: float | None
    """The median time (ms) of a page that is not in the cache."""
    uncached_relative: float | None
    errors: int

    @property
    def name(self) -> str:
        """A readable name of the request."""
        return f"{self.path} at {self.index}" if self.index else self.path

    @property
    def met(self) -> bool:
        """True when the size changes the share by less than 20 %, and an uncached page does not read all rows."""
        max_ratio = _MAX_DEEP_UNCACHED_RATIO if self.index else _MAX_UNCACHED_RATIO
        return self.relative > 1 - MAX_DIFFERENCE and (self.uncached_relative or 0) < max_ratio and not self.errors


def measure(bench: Bench, seconds: float, bar: Progress) -> list[Growth]:
    """Fill the tables step by step and measure at each size."""
    task = bar.add_task("growth", total=SIZES[-1])
    bench.stores.empty()
    results: list[Growth] = []
    filled = 0
    for rows in SIZES:
        bench.stores.fill(rows, lambda done: bar.advance(task, done), start=filled)
        filled = rows
        results += [_measured(bench, name, rows, index, seconds, results) for name, index in _requests(rows)]
    return results


def _requests(rows: int) -> list[tuple[str, int | None]]:
    lists = ["/get_vod_list", "/get_ugc_list"]
    deep = [(path, DEEP) for path in lists] if rows > DEEP else []
    return [("/get_user_info", None), *((path, 0) for path in lists), *deep]


def _measured(
    bench: Bench, path: str, rows: int, index: int | None, seconds: float, smaller: Sequence[Growth]
) -> Growth:
    callers = [user(number) for number in random.Random(3).sample(range(1, rows + 1), _CALLERS)]
    bench.stores.open_sessions(callers)
    fields = {} if index is None else {"index": str(index), "count": 20}
    prepared = bench.wrk.prepare("growth", [signed(path, fields, caller) for caller in callers])
    samples = list(bench.samples(repeat(prepared, slices_in(seconds))))
    share = median(sample.share for sample in samples)
    uncached = None if index is None else _uncached(bench, path, index, rows)
    base = next((result for result in smaller if result.path == path), None)
    return Growth(
        path=path,
        rows=rows,
        index=index,
        share=share,
        relative=share / base.share if base else 1,
        uncached=uncached,
        uncached_relative=uncached / base.uncached if uncached and base and base.uncached else None,
        errors=sum(sample.load.errors for sample in samples),
    )


def _uncached(bench: Bench, path: str, index: int, rows: int) -> float:
    """The median time of a page that is not in the cache, in ms."""
    caller = user(rows)
    bench.stores.open_sessions([caller])
    client = Client(bench.real.port, caller)
    times = []
    for offset in range(1, _UNCACHED + 1):
        start = perf_counter()
        client.call(path, {"index": index + offset, "count": 20})
        times.append((perf_counter() - start) * 1000)
    client.close()
    return median(times)
