"""Many clients: load beside thousands of idle connections, and load on a thousand connections."""

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
MAX_BYTES_PER_CONNECTION = 4_000.0
MAX_BYTES_PER_PROCESS = 120e6
MAX_P99_MS = 300.0
MAX_P99_TIMES = 2.0  # the bare handler's
_RESERVED_FILES = 1_000  # descriptors for everything but the idle connections
_SECONDS = 5.0
_REQUESTS = 50_000


@dataclass(frozen=True)
class Connections:
    """Memory per idle connection and of the larger process; the load beside idle connections and on busy ones."""

    idle: int
    bytes_per_connection: float
    bytes_per_process: float
    beside_idle: Load
    many_busy: Load
    bare_busy: Load

    @property
    def met(self) -> bool:
        """True when all connections opened, nothing failed, and memory and latency are within their limits."""
        return (
            self.idle == IDLE
            and not self.beside_idle.errors
            and not self.many_busy.errors
            and self.many_busy.p99 < max(MAX_P99_MS, MAX_P99_TIMES * self.bare_busy.p99)
            and self.bytes_per_connection < MAX_BYTES_PER_CONNECTION
            and self.bytes_per_process < MAX_BYTES_PER_PROCESS
        )


def measure(bench: Bench, bar: Progress) -> Connections:
    """Open the idle connections, as many as the limit on open files allows, and load the server beside them."""
    task = bar.add_task("connections", total=2)
    prepared = bench.wrk.prepare("mix", mix(_REQUESTS))
    _, files = resource.getrlimit(resource.RLIMIT_NOFILE)
    count = min(IDLE, files - _RESERVED_FILES)
    before = sum(map(memory_bytes, bench.real.pids))
    with _idle(bench.real.port, count):
        opened = sum(map(memory_bytes, bench.real.pids))
        beside = bench.checked(lambda: bench.wrk.run(bench.real.port, prepared, _SECONDS))
        largest = max(map(memory_bytes, bench.real.pids))
    bar.advance(task)
    busy = bench.checked(lambda: bench.wrk.run(bench.real.port, prepared, _SECONDS, connections=BUSY))
    bare = bench.wrk.run(bench.bare.port, prepared, _SECONDS, connections=BUSY)
    bar.advance(task)
    bench.stores.remove_written()
    return Connections(count, (opened - before) / count, largest, beside, busy, bare)


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
