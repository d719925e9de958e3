"""One log for everything, structlog's and the libraries' own: a line per event on standard output."""

import logging
import sys
from collections.abc import Mapping
from typing import Any

import structlog
import ujson

from conf.settings import Log


def configure(settings: Log) -> None:
    """Send every log record of the process to standard output in the format of the settings."""
    level = logging.getLevelNamesMapping()[settings.level.upper()]
    common: list[structlog.types.Processor] = [
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    render: list[structlog.types.Processor] = (
        [structlog.processors.format_exc_info, structlog.processors.JSONRenderer(serializer=_json)]
        if settings.format == "json"
        else [
            # Never with local variables: they hold passwords.
            structlog.dev.ConsoleRenderer(colors=sys.stdout.isatty(), exception_formatter=structlog.dev.plain_traceback)
        ]
    )
    structlog.configure(
        processors=[*common, *render],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.WriteLoggerFactory(file=sys.stdout),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[*common, structlog.stdlib.add_logger_name],
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *render],
        )
    )
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(max(level, logging.INFO))
    logging.getLogger("tornado.general").setLevel(logging.WARNING)  # it quotes malformed headers, tokens included
    logging.getLogger("yoyo").setLevel(logging.WARNING)


def _json(event: Mapping[str, Any], **_: Any) -> str:
    return ujson.dumps(event, ensure_ascii=False, escape_forward_slashes=False, default=str)
