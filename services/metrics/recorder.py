"""Records the numbers of this process in its slot, and sums those of all workers."""

from collections.abc import Iterator
from pathlib import Path

import structlog
from prometheus_client import Metric
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.registry import Collector
from prometheus_client.utils import floatToGoString

from services.metrics import process
from services.metrics.catalogue import Metrics
from services.metrics.families import Family, Samples, add
from services.metrics.slots import Found, Slot, Snapshot, look_at, others

log = structlog.get_logger()

_NO_SLOT = -1
_NOT_WRITTEN = "metrics not written"


class Recorder(Collector):
    """The numbers of all workers that use the folder. Without the folder they are those of this worker alone.

    Neither a full disk nor a folder without rights disturbs anything else. The log says it once.
    """

    def __init__(self, metrics: Metrics, folder: Path) -> None:
        self._metrics = metrics
        self._folder = folder
        self._last: dict[str, Snapshot] = {}
        self._warned: set[str] = set()
        try:
            self._slot: Slot | None = Slot.claim(folder)
        except OSError as error:
            self._slot = None
            log.warning("metrics of this worker alone", error=str(error))
        self._number = self._slot.number if self._slot else _NO_SLOT
        self._continue()
        process.watch(metrics, str(self._number))

    def record(self) -> Snapshot:
        """Write the present numbers, and return them."""
        snapshot = {family.name: (family.schema, family.samples()) for family in self._metrics}
        if self._slot is not None:
            try:
                self._slot.write(snapshot)
                self._warned.discard(_NOT_WRITTEN)
            except OSError as error:
                self._warn_once(_NOT_WRITTEN, error)
        return snapshot

    def collect(self) -> Iterator[Metric]:
        """The sums over all workers. The numbers of this one are written first: they are never seen to go down."""
        found = [Found("", held=True, snapshot=self.record()), *self._others()]
        for family in self._metrics:
            yield _metric(family, _sum(family, found))

    def close(self) -> None:
        """Write the last numbers, and leave the slot to another process."""
        if self._slot is not None:
            self.record()
            self._slot.close()

    def _continue(self) -> None:
        if self._slot is None:
            return
        try:
            earlier = self._slot.read()
        except ValueError as error:
            log.warning("metrics begin anew", folder=str(self._folder), worker=self._number, error=str(error))
            return
        for family in self._metrics:
            schema, samples = earlier.get(family.name, ([], {}))
            if family.kind != "gauge" and schema == family.schema:
                family.continue_from(samples)

    def _others(self) -> list[Found]:
        """The slots of the others. One that cannot be read now counts as it was."""
        found = []
        for path in others(self._folder, self._number):
            try:
                found.append(look_at(path))
            except OSError as error:
                self._warn_once("metrics not read", error)
        self._last |= {slot.name: slot.snapshot for slot in found if slot.snapshot is not None}
        return [slot._replace(snapshot=self._last.get(slot.name)) for slot in found]

    def _warn_once(self, event: str, error: OSError) -> None:
        if event not in self._warned:
            self._warned.add(event)
            log.warning(event, folder=str(self._folder), error=str(error))


def _sum(family: Family, found: list[Found]) -> Samples:
    total: Samples = {}
    for slot in found:
        schema, samples = (slot.snapshot or {}).get(family.name, ([], {}))
        if schema == family.schema and (slot.held or family.kind != "gauge"):
            add(total, samples)
    return total


def _metric(family: Family, samples: Samples) -> Metric:
    if family.kind == "histogram":
        histogram = HistogramMetricFamily(family.name, family.meaning, labels=family.labels)
        for labels, numbers in samples.items():
            histogram.add_metric(labels, _buckets(family, numbers), numbers[-1])
        return histogram
    kind = CounterMetricFamily if family.kind == "counter" else GaugeMetricFamily
    metric = kind(family.name, family.meaning, labels=family.labels)
    for labels, (number,) in samples.items():
        metric.add_metric(labels, number)
    return metric


def _buckets(family: Family, numbers: list[float]) -> list[tuple[str, float]]:
    """Prometheus wants in each bucket the values of the smaller ones, too."""
    names = [*map(floatToGoString, family.bounds), "+Inf"]
    return [(name, sum(numbers[: index + 1])) for index, name in enumerate(names)]
