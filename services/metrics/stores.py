"""Counts what the connections to MySQL tell."""

from collections.abc import Sequence

from models.database import Database, Monitor
from models.errors import StoreError
from services.metrics.catalogue import Metrics, kind_of


class MySQLMonitor(Monitor):
    """Adds to the metrics of the process."""

    def __init__(self, metrics: Metrics) -> None:
        self._seconds = metrics.mysql_seconds
        self._wait_seconds = metrics.mysql_wait_seconds
        self._repeats = metrics.mysql_repeats
        self._errors = metrics.store_errors

    def ran(self, call: str, seconds: float) -> None:
        self._seconds[call].observe(seconds)

    def waited(self, seconds: float) -> None:
        self._wait_seconds[()].observe(seconds)

    def repeated(self) -> None:
        self._repeats[()] += 1

    def failed(self, error: StoreError) -> None:
        self._errors["mysql", kind_of(error)] += 1


def watch_pools(metrics: Metrics, pools: Sequence[Database], size: int) -> None:
    """Watch the connections of these pools, of which they may have `size` together."""
    metrics.mysql_connections.watch(
        lambda: {"idle": sum(pool.idle for pool in pools), "in_use": sum(pool.in_use for pool in pools)}
    )
    metrics.mysql_max_connections.watch(lambda: size)
    metrics.mysql_waiting.watch(lambda: sum(pool.waiting for pool in pools))
