"""The Tornado application: the routes, what handlers share, and the limit on bodies."""

from collections.abc import Awaitable
from typing import Any
from zoneinfo import ZoneInfo

from tornado import httputil
from tornado.routing import _RuleList
from tornado.web import Application as TornadoApplication

from conf.settings import Settings
from services import Services

MAX_BODY = 64 * 1024  # bytes


class Application(TornadoApplication):
    """One per process. `in_flight` counts the requests being served, `draining` says that we are stopping."""

    def __init__(self, routes: _RuleList, services: Services, conf: Settings, **settings: Any) -> None:
        super().__init__(routes, **settings)
        self.services = services
        self.conf = conf
        self.timezone = ZoneInfo(conf.timezone)
        self.in_flight = 0
        self.draining = False

    def start_request(self, server_conn: object, request_conn: httputil.HTTPConnection) -> httputil.HTTPMessageDelegate:
        return _CutBody(super().start_request(server_conn, request_conn))


class _CutBody(httputil.HTTPMessageDelegate):
    """Passes a request on, but of its body only up to one byte over the limit: the handler sees that it is too long.

    Tornado would answer a bare 400 with no envelope. The rest is read and dropped, so that the client, who is
    still sending, gets to read the answer.
    """

    def __init__(self, inner: httputil.HTTPMessageDelegate) -> None:
        self._inner = inner
        self._room = MAX_BODY + 1

    def headers_received(
        self, start_line: httputil.RequestStartLine | httputil.ResponseStartLine, headers: httputil.HTTPHeaders
    ) -> Awaitable[None] | None:
        # The body is JSON whatever its type says; without one Tornado does not parse it as a form.
        headers.pop("Content-Type", None)
        return self._inner.headers_received(start_line, headers)

    def data_received(self, chunk: bytes) -> Awaitable[None] | None:
        chunk = chunk[: self._room]
        self._room -= len(chunk)
        return self._inner.data_received(chunk) if chunk else None

    def finish(self) -> None:
        self._inner.finish()

    def on_connection_close(self) -> None:
        self._inner.on_connection_close()
