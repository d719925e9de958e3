"""Growth: what a thousand times more rows cost."""

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
DEEP = 100_000  # an `index` that few will ever scroll to
MOST_DIFFERENCE = 0.20
_CALLERS = 1_000
_UNCACHED = 30


@dataclass(frozen=True)
class Growth:
    """A request on tables of `rows` rows: its share of the bare handler, and how long a page that nobody has asked for
    takes (ms, the median)."""

    name: str
    rows: int
    share: float
    uncached: float | None
    relative: float
    """The share divided by that on the smallest tables."""
    errors: int

    @property
    def met(self) -> bool:
        """Whether the size makes less than 20 % of a difference."""
        return self.relative > 1 - MOST_DIFFERENCE and not self.errors


def measure(bench: Bench, seconds: float, bar: Progress) -> list[Growth]:
    """Fill the tables step by step and measure at each size."""
    task = bar.add_task("growth", total=SIZES[-1])
    bench.stores.empty()
    found: list[Growth] = []
    filled = 0
    for rows in SIZES:
        bench.stores.fill(rows, lambda done: bar.advance(task, done), start=filled)
        filled = rows
        found += [_measured(bench, name, rows, index, seconds, found) for name, index in _requests(rows)]
    return found


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
    base = next((one.share for one in smaller if one.name.split()[0] == path), share)
    name = f"{path} at {index}" if index else path
    return Growth(name, rows, share, uncached, share / base, sum(sample.load.errors for sample in samples))


def _uncached(bench: Bench, path: str, index: int, rows: int) -> float:
    """How long a page takes that nobody has asked for yet, in ms."""
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
