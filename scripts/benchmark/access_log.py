"""Checks the server's log: every request is in it with code 200, and no line reports a fault."""

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import ujson

from scripts.stores.processes import Pause

_SECONDS = 10  # the server writes its last lines with a delay
MAX_SHOWN = 10  # complaints in a message
_EXPECTED = "insecure"


class AccessLog:
    """Reads the log while the server writes it."""

    def __init__(self, path: Path, pause: Pause) -> None:
        self._path = path
        self._pause = pause

    def size(self) -> int:
        """The length of the log so far, in bytes."""
        return self._path.stat().st_size

    def refusals(self, start: int, requests: int) -> int:
        """The number of answers logged after `start` with a code other than 200.

        Raises RuntimeError when some of the requests stay without an answer.
        """
        deadline = time.monotonic() + _SECONDS
        while True:
            codes = [event["code"] for event in map(_event, self._lines(start)) if event.get("event") == "request"]
            if len(codes) >= requests:
                return sum(code != 200 for code in codes)
            if time.monotonic() > deadline:
                missing = f"{requests} requests were sent, and {len(codes)} are in the access log"
                raise RuntimeError("\n".join([missing, *self.complaints()[:MAX_SHOWN]]))
            self._pause(0.05)

    def complaints(self) -> list[str]:
        """The lines that report a fault."""
        return [line.decode(errors="replace").strip() for line in self._lines(0) if not _is_normal(line)]

    def _lines(self, start: int) -> Iterator[bytes]:
        """The complete lines after `start`."""
        with self._path.open("rb") as log:
            log.seek(start)
            for line in log:
                if line.endswith(b"\n"):
                    yield line


def _event(line: bytes) -> dict[str, Any]:
    """The event of a line; empty when the line does not come from the logger."""
    try:
        event = ujson.loads(line)
    except ValueError:
        return {}
    return event if isinstance(event, dict) else {}


def _is_normal(line: bytes) -> bool:
    event = _event(line)
    if event.get("event") == "request" and event.get("code") != 200:
        return False
    return event.get("level") in ("debug", "info") or event.get("event") == _EXPECTED
