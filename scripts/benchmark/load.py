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
MAX_SECONDS = 600  # run() stops wrk earlier


class Load(NamedTuple):
    """The report of wrk. Latencies are in ms; `errors` counts socket errors, time-outs and HTTP statuses.

    `requests` counts the answers. `sent` also counts the requests whose answers wrk did not wait for at its end.
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
    """True when no request may be sent twice."""
    tls: bool = False


class Wrk:
    """Runs wrk with its files in `folder`. `pause` sleeps, and raises when the benchmark has to stop."""

    def __init__(self, folder: Path, pause: Pause) -> None:
        self.folder = folder
        self._pause = pause

    def prepare(self, name: str, requests: Sequence[bytes], *, once: bool = False) -> Prepared:
        """Write raw HTTP requests to a file."""
        path = self.folder / f"{name}.requests"
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
        """Send the requests in a loop over keep-alive connections, for `seconds` or until `enough()` is true."""
        output = self.folder / "wrk.out"
        command = [
            *("wrk", "--threads", "1", "--connections", str(connections), "--duration", str(MAX_SECONDS)),
            *(
                "--timeout",
                "10",
                "--latency",
                "--script",
                str(SCRIPT),
                f"{'https' if prepared.tls else 'http'}://127.0.0.1:{port}",
            ),
            *("--", str(prepared.path)),
        ]
        with output.open("wb") as file, child(command, output=file) as process:
            end = time.monotonic() + seconds
            while not has_ended(process) and time.monotonic() < end and not enough():
                self._pause(0.01)
            # wrk's own duration is in whole seconds. On INT it stops at once and still reports.
            process.send_signal(signal.SIGINT)
            exit_code(process)
        load = parse(output.read_text())
        if prepared.once and load.sent > prepared.number:
            raise RuntimeError(f"only {prepared.number} requests were prepared, and {load.sent} were sent")
        return load


def parse(output: str) -> Load:
    """Read the line of JSON that wrk.lua prints at the end."""
    try:
        return Load(**json.loads(output.strip().rpartition("\n")[2]))
    except (ValueError, TypeError):
        raise RuntimeError(f"wrk did not report: {output}") from None
