"""The access log: one line for each request."""

import structlog
from tornado.web import RequestHandler

from handlers.base import BaseHandler
from services.errors import Code

log = structlog.get_logger()


def log_request(handler: RequestHandler) -> None:
    """Log a request, at a level that follows its status. The client's userid is the only text of its own in the line.

    `duration_ms` is the time from the end of the request to the end of the answer, in milliseconds.
    """
    assert isinstance(handler, BaseHandler)
    status = handler.get_status()
    if handler.quiet and status != Code.INTERNAL:
        write = log.debug
    elif status < 500:
        write = log.info
    else:
        write = log.warning if status == Code.UNAVAILABLE else log.error
    write(
        "request",
        method=handler.request.method if handler.request.method in handler.SUPPORTED_METHODS else "",
        route=handler.route,
        status=status,
        code=handler.code,
        duration_ms=round(handler.request.request_time() * 1000, 2),
        userid=handler.userid,
        remote_ip=handler.request.remote_ip,
        request_id=handler.request_id,
    )
