"""Many clients: thousands of idle connections beside the busy ones, and a thousand busy ones."""

import resource
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from rich.progress import Progress

from scripts.benchmark.load import Load
from scripts.benchmark.measure import Bench
from scripts.benchmark.requests import mix
from scripts.benchmark.servers import memory_bytes

IDLE = 10_000
BUSY = 1_000
MOST_PER_CONNECTION = 25_000.0  # bytes
MOST_PER_PROCESS = 120e6  # bytes
LONGEST_P99 = 1000.0  # ms
_RESERVE = 1_000  # file descriptors for everything but the idle connections
_SECONDS = 5.0
_REQUESTS = 50_000


@dataclass(frozen=True)
class Connections:
    """Memory in bytes, of the larger process with all connections open; the loads beside and without idle ones."""

    idle: int
    bytes_per_connection: float
    bytes_per_process: float
    beside_idle: Load
    many_busy: Load

    @property
    def met(self) -> bool:
        """Whether all could be opened, nothing failed, and the aims for memory and latency are reached."""
        return (
            self.idle == IDLE
            and not self.beside_idle.errors
            and not self.many_busy.errors
            and self.many_busy.p99 < LONGEST_P99
            and self.bytes_per_connection < MOST_PER_CONNECTION
            and self.bytes_per_process < MOST_PER_PROCESS
        )


def measure(bench: Bench, bar: Progress) -> Connections:
    """Open the idle connections, as many as the limit on open files allows, and load the server beside them."""
    task = bar.add_task("connections", total=2)
    prepared = bench.wrk.prepare("mix", mix(_REQUESTS))
    _, files = resource.getrlimit(resource.RLIMIT_NOFILE)
    count = min(IDLE, files - _RESERVE)
    before = sum(map(memory_bytes, bench.real.pids))
    with _idle(bench.real.port, count):
        opened = sum(map(memory_bytes, bench.real.pids))
        beside = bench.checked(lambda: bench.wrk.run(bench.real.port, prepared, _SECONDS))
        largest = max(map(memory_bytes, bench.real.pids))
    bar.advance(task)
    busy = bench.checked(lambda: bench.wrk.run(bench.real.port, prepared, _SECONDS, connections=BUSY))
    bar.advance(task)
    bench.stores.remove_written()
    return Connections(count, (opened - before) / count, largest, beside, busy)


@contextmanager
def _idle(port: int, count: int) -> Iterator[None]:
    command = [sys.executable, "-m", "scripts.benchmark.idle", str(port), str(count)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        try:
            assert process.stdout is not None
            if process.stdout.readline() != b"open\n":
                raise RuntimeError(f"{count} connections could not be opened")
            yield
        finally:
            process.kill()
