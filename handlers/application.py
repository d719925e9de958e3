"""The Tornado application: the routes, what handlers share, and the limits on bodies."""

import asyncio
import itertools
import secrets
from collections.abc import Awaitable, Sequence
from typing import Any, cast
from zoneinfo import ZoneInfo

from tornado import httputil
from tornado.http1connection import HTTP1Connection
from tornado.web import Application as TornadoApplication
from tornado.web import RequestHandler

from conf.settings import Settings
from services import Services

MAX_BODY = 64 * 1024  # bytes
BODY_SECONDS = 15  # what a body may take to arrive
ANSWER_SECONDS = 60  # what an answer may take to be read


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
        self.in_flight = 0
        self.draining = False

    def find_handler(self, request: httputil.HTTPServerRequest, **kwargs: Any) -> Any:
        # Every path is a fixed text: one look-up instead of a regular expression for each.
        found = self._routes.get(request.path)
        return self.get_handler_delegate(request, *found) if found else super().find_handler(request, **kwargs)

    def start_request(self, server_conn: object, request_conn: httputil.HTTPConnection) -> httputil.HTTPMessageDelegate:
        return _Arriving(self, request_conn, super().start_request(server_conn, request_conn))

    def answered(self, connection: httputil.HTTPConnection) -> None:
        """A handler has finished. Who has not read the answer in ANSWER_SECONDS is disconnected: it stays in memory."""
        stream = cast(HTTP1Connection, connection).stream
        if not stream.writing():
            self.in_flight -= 1
            return
        limit = asyncio.get_running_loop().call_later(ANSWER_SECONDS, stream.close)

        def sent(_: object) -> None:
            limit.cancel()
            self.in_flight -= 1

        stream.write(b"").add_done_callback(sent)  # done when all before it is


class _Arriving(httputil.HTTPMessageDelegate):
    """A request from its headers to the end of its body: counted as in flight, limited in length and in time.

    Of a long body only one byte over the limit is passed on: the handler sees that it is too long, where Tornado
    would answer a bare 400 with no envelope. The rest is read and dropped, so that the client, who is still
    sending, gets to read the answer.
    """

    def __init__(
        self, application: Application, connection: httputil.HTTPConnection, inner: httputil.HTTPMessageDelegate
    ) -> None:
        self._application = application
        self._connection = cast(HTTP1Connection, connection)
        self._inner = inner
        self._room = MAX_BODY + 1
        self._limit: asyncio.TimerHandle | None = None

    def headers_received(
        self, start_line: httputil.RequestStartLine | httputil.ResponseStartLine, headers: httputil.HTTPHeaders
    ) -> Awaitable[None] | None:
        # Tornado's own `body_timeout` makes a task of every body.
        self._limit = asyncio.get_running_loop().call_later(BODY_SECONDS, self._connection.close)
        self._application.in_flight += 1
        # The body is JSON whatever its type says; without one Tornado does not parse it as a form.
        headers.pop("Content-Type", None)
        return self._inner.headers_received(start_line, headers)

    def data_received(self, chunk: bytes) -> Awaitable[None] | None:
        chunk = chunk[: self._room]
        self._room -= len(chunk)
        return self._inner.data_received(chunk) if chunk else None

    def finish(self) -> None:
        try:
            self._inner.finish()  # makes the handler, which counts the request further
        finally:
            self._arrived()

    def on_connection_close(self) -> None:
        try:
            self._inner.on_connection_close()
        finally:
            self._arrived()

    def _arrived(self) -> None:
        # Tornado reports a closed connection also after a `finish` that raised.
        if self._limit is not None:
            self._limit.cancel()
            self._limit = None
            self._application.in_flight -= 1
