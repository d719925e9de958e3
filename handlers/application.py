"""The Tornado application: the routes, what handlers share, and the limits that clients have."""

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
from handlers.deadlines import Deadlines
from services import Services

MAX_BODY = 64 * 1024  # bytes
HEADERS_SECONDS = 75  # what the headers of the next request may take to arrive
BODY_SECONDS = 15  # what a body may take to arrive
ANSWER_SECONDS = 60  # what an answer may take to be read: until then it is in memory


class Application(TornadoApplication):
    """One per process. `in_flight` counts the requests whose headers have come and whose answer is not sent yet.

    `draining` says that we are stopping.
    """

    def __init__(
        self, routes: Sequence[tuple[str, type[RequestHandler]]], services: Services, conf: Settings, **settings: Any
    ) -> None:
        super().__init__(**settings)
        # Unique, not secret: a random part for this process, and a number.
        self.request_ids = map(f"{secrets.token_hex(4)}{{:08x}}".format, itertools.count())
        self._routes = {path: (handler, {"route": path}) for path, handler in routes}
        self.services = services
        self.conf = conf
        self.timezone = ZoneInfo(conf.timezone)
        self.deadlines = Deadlines()
        self.in_flight = 0
        self.draining = False

    def find_handler(self, request: httputil.HTTPServerRequest, **kwargs: Any) -> Any:
        # Every path is a fixed text: one look-up instead of a regular expression for each.
        found = self._routes.get(request.path)
        return self.get_handler_delegate(request, *found) if found else super().find_handler(request, **kwargs)

    def start_request(self, server_conn: object, request_conn: httputil.HTTPConnection) -> httputil.HTTPMessageDelegate:
        stream = cast(HTTP1Connection, request_conn).stream
        self.deadlines.expect(stream, HEADERS_SECONDS)
        return _Arriving(self, stream, super().start_request(server_conn, request_conn))

    def answered(self, connection: httputil.HTTPConnection) -> None:
        """A handler has finished: its request is in flight until the answer is sent."""
        stream = cast(HTTP1Connection, connection).stream
        if not stream.writing():
            self.in_flight -= 1
            return

        def sent(_: object) -> None:
            self.in_flight -= 1

        self.deadlines.expect(stream, ANSWER_SECONDS)
        stream.write(b"").add_done_callback(sent)  # done when all before it is


class _Arriving(httputil.HTTPMessageDelegate):
    """A request from its headers to the end of its body: counted as in flight, limited in length and in time.

    Of a long body only one byte over the limit is passed on: the handler sees that it is too long, where Tornado
    would answer a bare 400 with no envelope. The rest is read and dropped, so that the client, who is still
    sending, gets to read the answer.
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
        self._application.deadlines.expect(self._stream, BODY_SECONDS)
        self._application.in_flight += 1
        self._counted = True
        # The body is JSON whatever its type says; without one Tornado does not parse it as a form.
        headers.pop("Content-Type", None)
        return self._inner.headers_received(start_line, headers)

    def data_received(self, chunk: bytes) -> Awaitable[None] | None:
        chunk = chunk[: self._room]
        self._room -= len(chunk)
        return self._inner.data_received(chunk) if chunk else None

    def finish(self) -> None:
        self._application.deadlines.expect_nothing(self._stream)
        try:
            self._inner.finish()  # makes the handler, which counts the request further
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
