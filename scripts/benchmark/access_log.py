"""The server's log as a witness: whatever was sent is in it, answered with code 200, and nothing else went wrong."""

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import ujson

from scripts.stores.processes import Pause

_SECONDS = 10  # the server writes its last lines when it gets to it
TOLD = 10  # complaints, where there is no room for all
_EXPECTED = "fake credentials: for development only"


class AccessLog:
    """Reads the log while the server writes it."""

    def __init__(self, path: Path, pause: Pause) -> None:
        self._path = path
        self._pause = pause

    def size(self) -> int:
        """Where the log ends now, in bytes."""
        return self._path.stat().st_size

    def refusals(self, start: int, requests: int) -> int:
        """How many answers that were logged after `start` had another code than 200.

        Raises RuntimeError when not all of the requests are answered soon.
        """
        deadline = time.monotonic() + _SECONDS
        while True:
            codes = [event["code"] for event in map(_event, self._lines(start)) if event.get("event") == "request"]
            if len(codes) >= requests:
                return sum(code != 200 for code in codes)
            if time.monotonic() > deadline:
                missing = f"{requests} requests were sent, and {len(codes)} are in the access log"
                raise RuntimeError("\n".join([missing, *self.complaints()[:TOLD]]))
            self._pause(0.05)

    def complaints(self) -> list[str]:
        """The lines that a server without a fault does not write."""
        return [line.decode(errors="replace").strip() for line in self._lines(0) if not _is_innocent(line)]

    def _lines(self, start: int) -> Iterator[bytes]:
        """Those after `start` that are whole."""
        with self._path.open("rb") as log:
            log.seek(start)
            for line in log:
                if line.endswith(b"\n"):
                    yield line


def _event(line: bytes) -> dict[str, Any]:
    """What a line says; nothing when a fault has written it past the log."""
    try:
        event = ujson.loads(line)
    except ValueError:
        return {}
    return event if isinstance(event, dict) else {}


def _is_innocent(line: bytes) -> bool:
    event = _event(line)
    if event.get("event") == "request" and event.get("code") != 200:
        return False
    return event.get("level") in ("debug", "info") or event.get("event") == _EXPECTED
