"""Runs wrk with prepared requests."""

import json
import signal
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

from scripts.stores.processes import Pause, child, exit_code, has_ended

SCRIPT = Path(__file__).with_name("wrk.lua")
CONNECTIONS = 64
LONGEST = 600  # seconds; we stop wrk earlier


class Load(NamedTuple):
    """What wrk saw. Latencies are in ms; errors are those of sockets, time-outs and HTTP statuses.

    `requests` were answered; `sent` counts those too whose answer wrk did not wait for at the end.
    """

    requests: int
    sent: int
    seconds: float
    p50: float
    p99: float
    worst: float
    errors: int

    @property
    def rate(self) -> float:
        """Requests per second."""
        return self.requests / self.seconds


class Prepared(NamedTuple):
    """Requests in a file that wrk.lua reads."""

    path: Path
    number: int
    once: bool
    """Whether none may be sent twice."""


class Wrk:
    """Sends requests from `folder`; `pause` sleeps, and raises when the benchmark is to stop."""

    def __init__(self, folder: Path, pause: Pause) -> None:
        self._folder = folder
        self._pause = pause

    def prepare(self, name: str, requests: Sequence[bytes], *, once: bool = False) -> Prepared:
        """Write raw HTTP requests to a file."""
        path = self._folder / f"{name}.requests"
        path.write_bytes(b"".join(b"%d\n%b" % (len(request), request) for request in requests))
        return Prepared(path, len(requests), once)

    def run(
        self,
        port: int,
        prepared: Prepared,
        seconds: float,
        *,
        connections: int = CONNECTIONS,
        enough: Callable[[], bool] = lambda: False,
    ) -> Load:
        """Send the requests, again and again, over keep-alive connections.

        It ends after so many seconds, or before when it is `enough`.
        """
        output = self._folder / "wrk.out"
        command = [
            *("wrk", "--threads", "1", "--connections", str(connections), "--duration", str(LONGEST)),
            *("--timeout", "10", "--latency", "--script", str(SCRIPT), f"http://127.0.0.1:{port}"),
            *("--", str(prepared.path)),
        ]
        with output.open("wb") as file, child(command, output=file) as process:
            end = time.monotonic() + seconds
            while not has_ended(process) and time.monotonic() < end and not enough():
                self._pause(0.01)
            # wrk counts in whole seconds; at an INT it stops at once and still reports.
            process.send_signal(signal.SIGINT)
            exit_code(process)
        load = parse(output.read_text())
        if prepared.once and load.sent > prepared.number:
            raise RuntimeError(f"only {prepared.number} requests were prepared, and {load.sent} were sent")
        return load


def parse(output: str) -> Load:
    """The line of JSON that wrk.lua prints at the end."""
    try:
        return Load(**json.loads(output.strip().rpartition("\n")[2]))
    except (ValueError, TypeError):
        raise RuntimeError(f"wrk did not report: {output}") from None
