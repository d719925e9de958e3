"""Counts the requests of a process, and then logs them."""

from collections.abc import Callable

from tornado.web import RequestHandler

from handlers.base import BaseHandler
from services.metrics.catalogue import Metrics

_NO_ROUTE = "other"  # paths without an interface: anybody may make up any number of them


class RequestMetrics:
    """Adds a request to the metrics when its answer has been given to the connection."""

    def __init__(self, metrics: Metrics, log: Callable[[RequestHandler], None]) -> None:
        self._requests = metrics.requests
        self._seconds = metrics.request_seconds
        self._log = log

    def __call__(self, handler: RequestHandler) -> None:
        """Count and log the request of a handler that has answered."""
        assert isinstance(handler, BaseHandler)
        route = handler.route or _NO_ROUTE
        self._requests[route, handler.code] += 1
        self._seconds[route].observe(handler.request.request_time())
        self._log(handler)
