"""One log for everything, structlog's and the libraries' own: a line per event on standard output."""

import asyncio
import logging
import sys
from datetime import UTC, datetime
from typing import Any, TextIO

import structlog
import ujson

from conf.settings import Log


def configure(settings: Log) -> None:
    """Send every log record of the process to standard output in the format of the settings."""
    level = logging.getLevelNamesMapping()[settings.level.upper()]
    lines = Lines(sys.stdout)
    render: list[structlog.types.Processor] = [json_line] if settings.format == "json" else console_line()
    structlog.configure(
        processors=render,
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=lambda *_: lines,
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[structlog.stdlib.add_logger_name],
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *render],
        )
    )
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(max(level, logging.INFO))
    logging.getLogger("tornado.general").setLevel(logging.WARNING)  # it quotes malformed headers, tokens included
    logging.getLogger("yoyo").setLevel(logging.WARNING)


class Lines:
    """Writes the lines of one turn of the event loop together: a write costs more than a line."""

    def __init__(self, file: TextIO) -> None:
        self._file = file
        self._waiting: list[str] = []

    def msg(self, line: str) -> None:
        """Write a line, soon."""
        self._waiting.append(line)
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:  # before the loop, after it, or in another thread
            self._write()
        else:
            if len(self._waiting) == 1:
                loop.call_soon(self._write)

    log = debug = info = warning = error = critical = exception = msg

    def _write(self) -> None:
        lines, self._waiting = self._waiting, []
        self._file.write("".join(f"{line}\n" for line in lines))
        self._file.flush()


def json_line(logger: Any, method: str, event: structlog.types.EventDict) -> str:
    """An event as JSON. One function instead of a chain: it runs for every request."""
    if "exc_info" in event:
        event = structlog.processors.format_exc_info(logger, method, event)
    event["level"] = "error" if method == "exception" else method
    event["timestamp"] = datetime.now(UTC).isoformat()
    return ujson.dumps(event, ensure_ascii=False, escape_forward_slashes=False, default=str)


def console_line() -> list[structlog.types.Processor]:
    """An event as a coloured line for a terminal. Never with local variables: they hold passwords."""
    return [
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.dev.ConsoleRenderer(colors=sys.stdout.isatty(), exception_formatter=structlog.dev.plain_traceback),
    ]
