"""Signs of life of workers, in memory that they share with their parent, and how long a worker has been silent."""

import asyncio
import mmap
import os
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import NamedTuple

from services.background import meanwhile

_TICK = os.sysconf("SC_CLK_TCK")
_ASLEEP = "STt"  # it waits for something, or it is stopped: proc_pid_stat(5)


class Heartbeats:
    """The last sign of life of each worker. Made before the workers are forked."""

    def __init__(self, count: int, interval_s: float) -> None:
        self._beats = memoryview(mmap.mmap(-1, 8 * count)).cast("Q")
        self._interval_s = interval_s

    def __getitem__(self, number: int) -> int:
        """A number that every sign of life of the worker changes."""
        return self._beats[number]

    @asynccontextmanager
    async def of(self, number: int) -> AsyncIterator[None]:
        """Give signs of life from the event loop of the worker meanwhile."""
        async with meanwhile(self._beat(number)):
            yield

    async def _beat(self, number: int) -> None:
        while True:
            self._beats[number] = time.monotonic_ns()
            await asyncio.sleep(self._interval_s)


class _Thread(NamedTuple):
    is_asleep: bool
    cpu_s: float

    @classmethod
    def main_of(cls, pid: int) -> "_Thread":
        """The main thread of a process, in which its event loop runs."""
        fields = Path(f"/proc/{pid}/task/{pid}/stat").read_text().rpartition(")")[2].split()
        return cls(fields[0] in _ASLEEP, (int(fields[11]) + int(fields[12])) / _TICK)


class Silence:
    """The time in which a worker could have given a sign of life, and has not.

    A worker that sleeps or is stopped could have done so all the time. One that is ready to run could have done so in
    the CPU time that it got: one in an endless loop gets much, one that waits for a CPU none. A wait for the disk does
    not count either: the kernel would end such a worker only after it.
    """

    def __init__(self, pid: int, beat: int) -> None:
        self.seconds = 0.0
        self._pid = pid
        self._beat = beat
        self._cpu_s = _Thread.main_of(pid).cpu_s

    def look(self, beat: int, elapsed_s: float) -> float:
        """Measure `elapsed_s` seconds after the last look. Returns the seconds of silence."""
        thread = _Thread.main_of(self._pid)
        used_s = thread.cpu_s - self._cpu_s
        self.seconds = self.seconds + (elapsed_s if thread.is_asleep else used_s) if beat == self._beat else 0.0
        self._cpu_s, self._beat = thread.cpu_s, beat
        return self.seconds
