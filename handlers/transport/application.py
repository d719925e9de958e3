"""The Tornado application: the routes, the services of the process, and the requests in flight."""

import itertools
import secrets
from collections.abc import Awaitable, Sequence
from typing import Any, cast
from zoneinfo import ZoneInfo

from tornado import httputil
from tornado.http1connection import HTTP1Connection
from tornado.iostream import IOStream
from tornado.web import Application as TornadoApplication
from tornado.web import RequestHandler

from conf.settings import Settings
from handlers.page_cache import PageCache
from handlers.schemas.formats import Formats
from handlers.transport.connections import Deadlines
from services import Services

MAX_BODY = 64 * 1024  # bytes
HEADERS_TIMEOUT_S = 75  # for the headers of the next request to arrive
BODY_TIMEOUT_S = 15  # for a body to arrive
ANSWER_TIMEOUT_S = 60  # for an answer to be read: until then it is in memory


class Application(TornadoApplication):
    """One per process.

    `in_flight` counts the requests from the arrival of their headers until their answer is sent. `draining` is true
    once the process has begun to stop.
    """

    def __init__(
        self, routes: Sequence[tuple[str, type[RequestHandler]]], services: Services, conf: Settings, **settings: Any
    ) -> None:
        super().__init__(**settings)
        # Unique, not secret: a random part for the process, and a number.
        self.request_ids = map(f"{secrets.token_hex(4)}{{:08x}}".format, itertools.count())
        self._routes = {path: (handler, {"route": path}) for path, handler in routes}
        self.services = services
        self.conf = conf
        self.formats = Formats(ZoneInfo(conf.timezone), conf.compat.official_apps)
        self.page_cache = PageCache(ttl=conf.performance.page_ttl, max_bytes=conf.performance.page_cache_bytes)
        self.deadlines = Deadlines()
        self.in_flight = 0
        self.draining = False

    def find_handler(self, request: httputil.HTTPServerRequest, **kwargs: Any) -> Any:
        # Every path is a fixed text. A look-up is faster than Tornado's regular expression for each route.
        target = self._routes.get(request.path)
        return self.get_handler_delegate(request, *target) if target else super().find_handler(request, **kwargs)

    def start_request(self, server_conn: object, request_conn: httputil.HTTPConnection) -> httputil.HTTPMessageDelegate:
        stream = cast(HTTP1Connection, request_conn).stream
        self.deadlines.expect(stream, HEADERS_TIMEOUT_S)
        return _RequestBodyLimit(self, stream, super().start_request(server_conn, request_conn))

    def answered(self, connection: httputil.HTTPConnection) -> None:
        """A handler has finished. Its request stays in flight until the answer is sent."""
        stream = cast(HTTP1Connection, connection).stream
        if not stream.writing():
            self.in_flight -= 1
            return

        def sent(_: object) -> None:
            self.in_flight -= 1

        self.deadlines.expect(stream, ANSWER_TIMEOUT_S)
        stream.write(b"").add_done_callback(sent)  # done once everything before it is sent


class _RequestBodyLimit(httputil.HTTPMessageDelegate):
    """Limits a body in length and in time, and counts its request as in flight.

    A handler gets at most one byte more than the limit, and so can answer 413 in the envelope, where Tornado would
    answer a bare 400. The rest is read and dropped: a client that is still sending could not read the answer.
    """

    def __init__(self, application: Application, stream: IOStream, inner: httputil.HTTPMessageDelegate) -> None:
        self._application = application
        self._stream = stream
        self._inner = inner
        self._room = MAX_BODY + 1
        self._counted = False

    def headers_received(
        self, start_line: httputil.RequestStartLine | httputil.ResponseStartLine, headers: httputil.HTTPHeaders
    ) -> Awaitable[None] | None:
        self._application.deadlines.expect(self._stream, BODY_TIMEOUT_S)
        self._application.in_flight += 1
        self._counted = True
        # A body is JSON whatever its type says. Without a type Tornado does not parse it as a form.
        headers.pop("Content-Type", None)
        return self._inner.headers_received(start_line, headers)

    def data_received(self, chunk: bytes) -> Awaitable[None] | None:
        chunk = chunk[: self._room]
        self._room -= len(chunk)
        return self._inner.data_received(chunk) if chunk else None

    def finish(self) -> None:
        self._application.deadlines.expect_nothing(self._stream)
        try:
            self._inner.finish()  # makes the handler, which counts the request from here on
        finally:
            self._uncount()

    def on_connection_close(self) -> None:
        try:
            self._inner.on_connection_close()
        finally:
            self._uncount()

    def _uncount(self) -> None:
        # Tornado reports a closed connection also after a `finish` that raised.
        if self._counted:
            self._counted = False
            self._application.in_flight -= 1
