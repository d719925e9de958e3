"""The Tornado application: the routes, the services of the process, and the way of a request to its handler."""

import itertools
import secrets
from collections.abc import Awaitable, Sequence
from typing import Any
from zoneinfo import ZoneInfo

from tornado import httputil
from tornado.web import Application as TornadoApplication
from tornado.web import RequestHandler

from conf.settings import Settings
from handlers.page_cache import PageCache
from handlers.schemas.formats import Formats
from handlers.transport.headers import Headers
from handlers.transport.request import Request
from services import Services
from services.errors import ServiceError

MAX_BODY = 64 * 1024  # bytes


class Application(TornadoApplication):
    """One per process. `draining` is true once the process has begun to stop.

    `refusal_handler` answers an error: it takes one as `error`. It serves every path without a handler, too.
    """

    def __init__(
        self,
        routes: Sequence[tuple[str, type[RequestHandler]]],
        refusal_handler: type[RequestHandler],
        services: Services,
        conf: Settings,
        **settings: Any,
    ) -> None:
        super().__init__(**settings)
        # Unique, not secret: a random part for the process, and a number.
        self.request_ids = map(f"{secrets.token_hex(4)}{{:08x}}".format, itertools.count())
        self._routes = {path: (handler, {"route": path}) for path, handler in routes}
        self._refusal_handler = refusal_handler
        self.services = services
        self.conf = conf
        self.formats = Formats(ZoneInfo(conf.timezone), conf.compat.official_apps)
        self.page_cache = PageCache(ttl=conf.performance.page_ttl, max_bytes=conf.performance.page_cache_bytes)
        self.draining = False

    def find_handler(self, request: httputil.HTTPServerRequest, **kwargs: Any) -> Any:
        # Every path is a fixed text. A look-up is faster than Tornado's regular expression for each route.
        handler, arguments = self._routes.get(request.path, (self._refusal_handler, {}))
        return self.get_handler_delegate(request, handler, arguments)

    def start_request(self, server_conn: object, request_conn: httputil.HTTPConnection) -> httputil.HTTPMessageDelegate:
        return _Arrival(self, request_conn)

    def refusal(self, connection: httputil.HTTPConnection, error: ServiceError) -> httputil.HTTPMessageDelegate:
        """Its `finish` answers a request that could not be read."""
        start_line = httputil.RequestStartLine("", "", "HTTP/1.0")
        request = Request(connection, start_line, Headers(), trust_proxy=False)
        return self.get_handler_delegate(request, self._refusal_handler, {"error": error})


class _Arrival(httputil.HTTPMessageDelegate):
    """Makes the request, and gives its handler at most one byte of the body more than the limit.

    So a handler can answer 413 in the envelope. The rest is dropped: a client that still sends would not read it.
    """

    def __init__(self, application: Application, connection: httputil.HTTPConnection) -> None:
        self._application = application
        self._connection = connection
        self._room = MAX_BODY + 1

    def headers_received(
        self, start_line: httputil.RequestStartLine | httputil.ResponseStartLine, headers: httputil.HTTPHeaders
    ) -> Awaitable[None] | None:
        assert isinstance(start_line, httputil.RequestStartLine)
        # A body is JSON whatever its type says. Without a type Tornado does not parse it as a form.
        headers.pop("Content-Type", None)
        trust_proxy = self._application.conf.http.trust_proxy
        self._request = Request(self._connection, start_line, headers, trust_proxy=trust_proxy)
        self._handler = self._application.find_handler(self._request)
        return None

    def data_received(self, chunk: bytes) -> Awaitable[None] | None:
        chunk = chunk[: self._room]
        self._room -= len(chunk)
        return self._handler.data_received(chunk) if chunk else None

    def finish(self) -> None:
        self._request.restart_clock()
        self._handler.finish()

    def on_connection_close(self) -> None:
        self._handler.on_connection_close()
