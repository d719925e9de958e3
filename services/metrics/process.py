"""The process as the kernel sees it (proc(5))."""

import os
import platform
import resource
import time
from pathlib import Path

from conf.version import VERSION
from services.metrics.catalogue import Metrics

_PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")
_TICK = os.sysconf("SC_CLK_TCK")


def watch(metrics: Metrics, worker: str) -> None:
    """Watch this process as the worker of that number."""
    start = _start()
    metrics.workers.watch(lambda: 1)
    metrics.build.watch(lambda: {(VERSION, platform.python_version()): 1})
    metrics.started.watch(lambda: {worker: start})
    metrics.last_beat.watch(lambda: {worker: time.time()})
    metrics.cpu_seconds.watch(lambda: {worker: time.process_time()})
    metrics.memory.watch(lambda: {worker: _resident_bytes()})
    metrics.open_files.watch(lambda: {worker: _open_files()})
    metrics.max_files.watch(lambda: {worker: resource.getrlimit(resource.RLIMIT_NOFILE)[0]})


def _start() -> float:
    """The start of this process, Unix time in seconds."""
    ticks = int(Path("/proc/self/stat").read_text().rpartition(")")[2].split()[19])
    return time.time() - time.clock_gettime(time.CLOCK_BOOTTIME) + ticks / _TICK


def _resident_bytes() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * _PAGE_BYTES


def _open_files() -> int:
    """Since Linux 6.2 the kernel tells the number at once; before, all of them have to be listed."""
    return os.stat("/proc/self/fd").st_size or len(os.listdir("/proc/self/fd"))  # noqa: PTH116, PTH208
