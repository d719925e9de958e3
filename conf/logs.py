"""One log for everything, structlog's and the libraries' own: a line per event on standard output."""

import asyncio
import logging
import os
import select
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

import structlog
import ujson
from structlog.types import EventDict

from conf.settings import Log

Render = Callable[[EventDict], str]


def configure(settings: Log) -> "Lines":
    """Send every log record of the process to standard output in the format of the settings."""
    level = logging.getLevelNamesMapping()[settings.level.upper()]
    render = json_line if settings.format == "json" else console_line()
    lines = Lines(sys.stdout.fileno(), render)
    structlog.configure(
        processors=[add_timestamp],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=lambda *_: lines,
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[structlog.stdlib.add_logger_name],
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                add_timestamp,
                lambda logger, method, event: render(event),
            ],
        )
    )
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(max(level, logging.INFO))
    logging.getLogger("tornado.general").setLevel(logging.WARNING)  # it quotes malformed headers, tokens included
    logging.getLogger("yoyo").setLevel(logging.WARNING)
    return lines


class Lines:
    """Renders and writes the events of one iteration of the event loop together, which halves their cost.

    Lines of processes that share standard output stay whole: a write holds whole lines, and at most as many bytes as
    a pipe takes at once (PIPE_BUF, pipe(7)). A single line that is longer may be cut.
    """

    def __init__(self, descriptor: int, render: Render) -> None:
        self._descriptor = descriptor
        self._render = render
        self._waiting: list[EventDict | str] = []
        self.failures = 0
        """Writes that failed."""

    def msg(self, **event: Any) -> None:
        """Render and write an event at the end of this iteration."""
        self.line(event)

    def line(self, event: EventDict | str) -> None:
        """Write a line, rendered or not, at the end of this iteration."""
        self._waiting.append(event)
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:  # before the loop, after it, or in another thread
            self._write()
        else:
            if len(self._waiting) == 1:
                loop.call_soon(self._write)

    log = debug = info = warning = error = critical = exception = msg

    def _write(self) -> None:
        events, self._waiting = self._waiting, []
        chunk = b""
        for event in events:
            text = event if isinstance(event, str) else self._render(event)
            line = f"{text}\n".encode(errors="backslashreplace")
            if len(chunk) + len(line) > select.PIPE_BUF:
                self._write_chunk(chunk)
                chunk = b""
            chunk += line
        self._write_chunk(chunk)

    def _write_chunk(self, chunk: bytes) -> None:
        try:
            _write_all(self._descriptor, chunk)
        except OSError:  # a log without a reader or a full disk ends neither requests nor workers
            self.failures += 1


def _write_all(descriptor: int, data: bytes) -> None:
    """Write all of the data to a file descriptor, which may be non-blocking. Raises OSError."""
    while data:
        try:
            data = data[os.write(descriptor, data) :]
        except BlockingIOError:
            select.select([], [descriptor], [])


def add_timestamp(logger: Any, method: str, event: EventDict) -> EventDict:
    """Add the time (Unix s), the level and the traceback, which are known only now."""
    if "exc_info" in event:
        event = structlog.processors.format_exc_info(logger, method, event)
    event["level"] = "error" if method == "exception" else method
    event["timestamp"] = time.time()
    return event


def json_line(event: EventDict) -> str:
    """An event as JSON."""
    event["timestamp"] = iso(event["timestamp"])
    return ujson.dumps(event, ensure_ascii=False, escape_forward_slashes=False, default=str)


def console_line() -> Render:
    """An event as a coloured line for a terminal. Never with local variables: they hold passwords."""
    console = structlog.dev.ConsoleRenderer(
        colors=sys.stdout.isatty(), exception_formatter=structlog.dev.plain_traceback
    )
    return lambda event: console(None, "", {**event, "timestamp": iso(event["timestamp"])})


def iso(seconds: float) -> str:
    """A Unix time as a date and a time in UTC (ISO 8601)."""
    return f"{_seconds_iso(int(seconds))}.{int(seconds % 1 * 1e6):06}+00:00"


@lru_cache(maxsize=16)  # a second has thousands of events
def _seconds_iso(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S")
