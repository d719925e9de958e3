"""The circumstances of a result: without them, two results cannot be compared."""

import os
import platform
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from conf.settings import ROOT


@dataclass(frozen=True)
class Circumstances:
    """The time, code, machine and duration of a measurement; `options` are the server's."""

    made: str
    commit: str
    machine: str
    python: str
    options: list[str]
    rounds: int
    seconds: float

    def __str__(self) -> str:
        options = " ".join(self.options) or "none"
        return (
            f"{self.made}, commit {self.commit}, {self.machine}, Python {self.python}; "
            f"{self.rounds} rounds of {self.seconds:g} s for each request; options of the server: {options}"
        )


def circumstances(options: Sequence[str], rounds: int, seconds: float) -> Circumstances:
    """The circumstances of a measurement that starts now."""
    made = datetime.now(UTC).isoformat(timespec="seconds")
    return Circumstances(made, _commit(), _machine(), platform.python_version(), list(options), rounds, seconds)


def _commit() -> str:
    command = ["git", "describe", "--always", "--dirty"]
    try:
        return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return "unknown"  # an unpacked archive


def _machine() -> str:
    models = [line.partition(":")[2].strip() for line in _cpuinfo() if line.startswith("model name")]
    model = models[0] if models else platform.machine()
    return f"{len(os.sched_getaffinity(0))} cores ({model})"


def _cpuinfo() -> list[str]:
    return Path("/proc/cpuinfo").read_text().splitlines()
