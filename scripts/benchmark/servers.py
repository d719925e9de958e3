"""Starts the servers under test, and reads the CPU time and memory of their processes."""

import os
import socket
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from http.client import HTTPConnection
from pathlib import Path
from typing import NamedTuple

from conf.settings import ROOT
from scripts.stores.private_servers import Urls
from scripts.stores.processes import Child, Pause, child, has_ended, without_settings

PROCESSES = 2
START_TIMEOUT_S = 30
# Limits that count and never refuse: few users, all at one address, send what they can.
HIGH_LIMITS = [
    *("--limits.logins_per_address", "86400000 per day"),
    *("--limits.registrations_per_address", "86400000 per day"),
    *("--limits.uploads_per_user", "86400000 per day"),
]
_LOG_TAIL = 3000  # characters
_TICK = os.sysconf("SC_CLK_TCK")


class Server(NamedTuple):
    """A running server: its ports, its worker processes, its log."""

    port: int
    pids: list[int]
    log: Path
    tls_port: int = 0


@contextmanager
def real_server(urls: Urls, folder: Path, options: Sequence[str], pause: Pause) -> Iterator[Server]:
    """The server on private stores, as in production: two workers, a JSON log with access lines."""
    port, tls_port = free_port(), free_port()
    fixed = ["--http.port", str(port), "--http.tls_port", str(tls_port), "--http.processes", str(PROCESSES)]
    fixed += ["--log.format", "json", "--password.remember_key", os.urandom(32).hex()]
    fixed += ["--metrics.port", str(free_port()), "--metrics.directory", str(folder / "metrics")]
    command = [sys.executable, str(ROOT / "main.py"), *fixed, *HIGH_LIMITS, *options]
    env = {**without_settings(), "XZB_MYSQL__URL": urls.mysql, "XZB_REDIS__URL": urls.redis}
    with _running(command, env, port, folder / "server.log", pause) as server:
        yield server._replace(tls_port=tls_port)


@contextmanager
def bare_server(folder: Path, pause: Pause, framework: str = "Tornado") -> Iterator[Server]:
    """The bare handler of a framework."""
    port = free_port()
    command = [sys.executable, "-m", "scripts.benchmark.bare", framework, str(port), str(PROCESSES)]
    with _running(command, dict(os.environ), port, folder / f"{framework}.log", pause) as server:
        yield server


@contextmanager
def _running(command: list[str], env: dict[str, str], port: int, log: Path, pause: Pause) -> Iterator[Server]:
    with log.open("wb") as output, child(command, env=env, output=output) as process:
        wait_until_ready(process, port, log, pause)
        yield Server(port, children(process.pid), log)


def wait_until_ready(process: Child, port: int, log: Path, pause: Pause) -> None:
    """Return when the server answers. Raises RuntimeError with the end of its log when it does not start."""
    deadline = time.monotonic() + START_TIMEOUT_S
    while status(port, "/readyz") != 200:
        if has_ended(process) or time.monotonic() > deadline:
            raise RuntimeError(f"A server did not start. The end of its log:\n{log.read_text()[-_LOG_TAIL:]}")
        pause(0.05)


def status(port: int, path: str, address: str = "127.0.0.1") -> int:
    """The HTTP status of a GET, 0 without an answer."""
    with suppress(OSError), closing(HTTPConnection(address, port, timeout=5)) as connection:
        connection.request("GET", path)
        return connection.getresponse().status
    return 0


def free_port() -> int:
    """A free TCP port."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def children(pid: int) -> list[int]:
    """The worker processes of a server."""
    return [int(number) for number in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def cpu_seconds(pids: Sequence[int]) -> float:
    """The user and system time of processes so far (proc(5), stat fields 14 and 15)."""
    total = 0
    for pid in pids:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        total += int(fields[11]) + int(fields[12])
    return total / _TICK


def memory_bytes(pid: int) -> int:
    """The proportional set size of a process, in which a shared page counts in part."""
    for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
        if line.startswith("Pss:"):
            return int(line.split()[1]) * 1024
    raise RuntimeError("the kernel does not report the memory of a process")
