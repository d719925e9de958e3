"""The access log: one line for each request."""

import time
from json.encoder import encode_basestring as quoted

import structlog
from tornado.web import RequestHandler

from conf.logs import Lines, iso
from conf.settings import Log
from handlers.base import BaseHandler
from services.errors import Code

log = structlog.get_logger()


class AccessLog:
    """Logs requests, at a level that follows their status. The client's userid is the only text of its own in a line.

    `duration_ms` is the time from the end of the request to the end of the answer, in milliseconds.
    """

    def __init__(self, settings: Log, lines: Lines | None) -> None:
        # The line of an ordinary request is one format: as an event of structlog it costs four times as much.
        self._lines = lines if settings.format == "json" and settings.level in ("debug", "info") else None

    def __call__(self, handler: RequestHandler) -> None:
        """Log the request of a handler that has answered."""
        assert isinstance(handler, BaseHandler)
        request, status = handler.request, handler.get_status()
        method = request.method if request.method in handler.SUPPORTED_METHODS else ""
        duration_ms = round(request.request_time() * 1000, 2)
        if self._lines is not None and status != Code.INTERNAL and not handler.quiet:
            level = "warning" if status == Code.UNAVAILABLE else "info"
            self._lines.line(
                f'{{"method":"{method}","route":"{handler.route}","status":{status},"code":{handler.code},'
                f'"duration_ms":{duration_ms},"userid":{quoted(handler.userid)},'
                f'"remote_ip":{quoted(request.remote_ip or "")},"request_id":"{handler.request_id}",'
                f'"event":"request","level":"{level}","timestamp":"{iso(time.time())}"}}'
            )
            return
        if handler.quiet and status != Code.INTERNAL:
            write = log.debug
        elif status < 500:
            write = log.info
        else:
            write = log.warning if status == Code.UNAVAILABLE else log.error
        write(
            "request",
            method=method,
            route=handler.route,
            status=status,
            code=handler.code,
            duration_ms=duration_ms,
            userid=handler.userid,
            remote_ip=request.remote_ip,
            request_id=handler.request_id,
        )
