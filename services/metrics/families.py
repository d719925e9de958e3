"""Families of numbers that a process counts. The hot path adds to plain numbers. Everything else waits for a reader.

A counter of prometheus_client costs ten times as much: it looks up its labels, and it locks. These are used by the
thread of the event loop alone.
"""

from bisect import bisect_left
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal

Key = str | int | tuple[str | int, ...]
"""The values of the labels: a single one as it is, several as a tuple."""
Samples = dict[tuple[str, ...], list[float]]
"""For each combination of labels one number, or those of a histogram: its buckets and the sum of its values."""
Schema = list[str | float]
"""The kind, the labels and the bounds of a family. Numbers of another schema cannot be added to it."""
Watched = Callable[[], float | Mapping[Any, float]]


class Family:
    """Numbers of one name, apart by their labels. `meaning` is a phrase for the reader of the metrics."""

    bounds: tuple[float, ...] = ()

    def __init__(
        self, kind: Literal["counter", "gauge", "histogram"], name: str, meaning: str, labels: Sequence[str] = ()
    ) -> None:
        self.kind = kind
        self.name = name
        self.meaning = meaning
        self.labels = tuple(labels)
        self._earlier: Samples = {}
        self._watched: Watched = lambda: {}

    @property
    def schema(self) -> Schema:
        """See `Schema`."""
        return [self.kind, *self.labels, *self.bounds]

    def watch(self, function: Watched) -> None:
        """Ask this function at each look: for the one number, or for a number for each key."""
        self._watched = function

    def continue_from(self, samples: Samples) -> None:
        """Count on from the numbers of a process that has ended."""
        self._earlier = samples

    def samples(self) -> Samples:
        """The present numbers."""
        total: Samples = {}
        add(total, self._earlier)
        add(total, self._own())
        watched = self._watched()
        add(total, _numbers(watched if isinstance(watched, Mapping) else {(): watched}))
        return total

    def _own(self) -> Samples:
        return {}


class Gauge(Family):
    """Numbers that go up and down: those of the function that it watches."""

    def __init__(self, name: str, meaning: str, *labels: str) -> None:
        super().__init__("gauge", name, meaning, labels)


class Counter(Family, dict[Key, float]):
    """Totals: `counter[key] += 1`. Without labels the key is (). The `known` values of a single label begin at 0."""

    def __init__(self, name: str, meaning: str, *labels: str, known: Sequence[str] = ()) -> None:
        super().__init__("counter", name, meaning, labels)
        self.update(dict.fromkeys(known if labels else [()], 0.0))

    def __missing__(self, key: Key) -> float:
        return 0

    def _own(self) -> Samples:
        return _numbers(self)


class Histogram:
    """How many values were at most each bound, and their sum."""

    __slots__ = ("_bounds", "counts", "sum")

    def __init__(self, bounds: Sequence[float]) -> None:
        self._bounds = bounds
        self.counts = [0] * (len(bounds) + 1)
        self.sum = 0.0

    def observe(self, value: float) -> None:
        """Add a value."""
        self.counts[bisect_left(self._bounds, value)] += 1
        self.sum += value


class Histograms(Family, dict[Key, Histogram]):
    """A histogram for each key. Without labels the key is ()."""

    def __init__(self, name: str, meaning: str, *labels: str, bounds: Sequence[float]) -> None:
        super().__init__("histogram", name, meaning, labels)
        self.bounds = tuple(bounds)
        if not labels:
            self[()] = Histogram(self.bounds)

    def __missing__(self, key: Key) -> Histogram:
        self[key] = histogram = Histogram(self.bounds)
        return histogram

    def _own(self) -> Samples:
        return {_labels(key): [*histogram.counts, histogram.sum] for key, histogram in self.items()}


def add(total: Samples, samples: Samples) -> None:
    """Add samples to a total."""
    for labels, numbers in samples.items():
        before = total.get(labels)
        total[labels] = numbers if before is None else [sum(pair) for pair in zip(before, numbers, strict=True)]


def _numbers(values: Mapping[Key, float]) -> Samples:
    return {_labels(key): [value] for key, value in values.items()}


def _labels(key: Key) -> tuple[str, ...]:
    return tuple(map(str, key)) if isinstance(key, tuple) else (str(key),)
