"""The Tornado application: the routes, the services of the process, and the way of a request to its handler."""

import itertools
import secrets
from collections.abc import Awaitable, Sequence
from typing import Any
from zoneinfo import ZoneInfo

from tornado.httputil import (
    HTTPConnection,
    HTTPHeaders,
    HTTPMessageDelegate,
    RequestStartLine,
    ResponseStartLine,
)
from tornado.web import Application as TornadoApplication

from conf.settings import Settings
from handlers.cors import Cors
from handlers.page_cache import PageCache
from handlers.schemas.formats import Formats
from handlers.transport.handler import DirectHandler
from handlers.transport.headers import Headers
from handlers.transport.proxies import TrustedProxies
from handlers.transport.request import Request
from handlers.transport.work import Work
from services import Services
from services.errors import Code, ServiceError, unavailable
from services.metrics.catalogue import Metrics

MAX_BODY = 64 * 1024  # bytes


class MalformedRequest(ServiceError):
    """The request could not be read."""

    def __init__(self, problem: str) -> None:
        super().__init__(Code.BAD_REQUEST, f"malformed HTTP: {problem}")


class Application(TornadoApplication):
    """One per process. `draining` is true once the process has begun to stop.

    `refusal_handler` answers an error: it takes one as `error`. It serves every path without a handler, too.
    """

    def __init__(
        self,
        routes: Sequence[tuple[str, type[DirectHandler]]],
        refusal_handler: type[DirectHandler],
        services: Services,
        conf: Settings,
        **settings: Any,
    ) -> None:
        super().__init__(**settings)
        # Unique, not secret: a random part for the process, and a number.
        self.request_ids = map(f"{secrets.token_hex(4)}{{:08x}}".format, itertools.count())
        self._routes = {path: (handler, {"route": path}) for path, handler in routes}
        self._refusal_handler = refusal_handler
        self.work = Work(deadline=conf.http.deadline, max_of_user=conf.http.max_requests_per_user)
        self.services = services
        self.conf = conf
        self.formats = Formats(ZoneInfo(conf.timezone), conf.compat.official_apps)
        self.page_cache = PageCache(ttl=conf.performance.page_ttl, max_bytes=conf.performance.page_cache_bytes)
        self.cors = Cors(conf.http.cors_origins) if conf.http.cors_origins else None
        proxies = conf.http.trusted_proxies
        self.proxies = TrustedProxies(proxies) if proxies else None
        self.hsts = f"max-age={conf.http.hsts}" if conf.http.hsts else ""
        self.draining = False
        self._watch(services.metrics)

    def _watch(self, metrics: Metrics) -> None:
        cache = self.page_cache
        metrics.in_flight.watch(lambda: len(self.work))
        metrics.page_cache_requests.watch(lambda: {"hit": cache.hits, "miss": cache.misses})
        metrics.page_cache_entries.watch(lambda: cache.entries)
        metrics.page_cache_bytes.watch(lambda: cache.size_bytes)

    def start_request(self, server_conn: object, request_conn: HTTPConnection) -> HTTPMessageDelegate:
        return _Arrival(self, request_conn)

    def refusal(self, connection: HTTPConnection, error: ServiceError) -> HTTPMessageDelegate:
        """Its `finish` answers a request that could not be read."""
        return _Refusal(self, connection, error)

    def serve(self, request: Request) -> None:
        """Run the handler of the request. Every path is a fixed text: a look-up replaces Tornado's patterns."""
        handler, arguments = self._routes.get(request.path, (self._refusal_handler, {}))
        if len(self.work) >= self.conf.http.max_requests and handler.bounded:
            self.refuse(request, unavailable("too many requests at once", "max_requests"), **arguments)
        else:
            self.work.start(handler(self, request, **arguments))

    def refuse(self, request: Request, error: ServiceError, **arguments: Any) -> None:
        """Answer the error."""
        self.work.start(self._refusal_handler(self, request, error=error, **arguments))


class _Arrival(HTTPMessageDelegate):
    """Makes the request, and keeps at most one byte of its body more than the limit.

    So its handler can answer 413 in the envelope. The rest is dropped: a client that still sends would not read it.
    """

    def __init__(self, application: Application, connection: HTTPConnection) -> None:
        self._application = application
        self._connection = connection
        self._body = bytearray()

    def headers_received(
        self, start_line: RequestStartLine | ResponseStartLine, headers: HTTPHeaders
    ) -> Awaitable[None] | None:
        assert isinstance(start_line, RequestStartLine)
        self._request = Request(self._connection, start_line, headers, self._application.proxies)
        return None

    def data_received(self, chunk: bytes) -> Awaitable[None] | None:
        self._body += chunk[: MAX_BODY + 1 - len(self._body)]
        return None

    def finish(self) -> None:
        self._request.complete(bytes(self._body))
        self._application.serve(self._request)


class _Refusal(HTTPMessageDelegate):
    """Answers an error as soon as it may."""

    def __init__(self, application: Application, connection: HTTPConnection, error: ServiceError) -> None:
        self._application = application
        self._request = Request(connection, RequestStartLine("", "", "HTTP/1.0"), Headers(), None)
        self._error = error

    def finish(self) -> None:
        self._request.complete(b"")
        self._application.refuse(self._request, self._error)
