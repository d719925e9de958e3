"""The HTTP servers of one process, and a stop that loses no request."""

import asyncio
import ssl
import sys

import structlog
from tornado.httpserver import HTTPServer

from handlers.transport.application import Application
from handlers.transport.listeners import Sockets

log = structlog.get_logger()

_MAX_HEADER_BYTES = 16 * 1024
# Tornado allocates and clears so much for every read of a socket. Most requests are a tenth of it.
_READ_BYTES = 8 * 1024
# Pipelined requests that wait for the answer to the one before.
_MAX_BUFFER_BYTES = 256 * 1024
# A stop waits until nothing has been in flight for so long: clients still send on the connections that they hold.
_QUIET_S = 0.3
_POLL_S = 0.02


def make_server(application: Application, context: ssl.SSLContext | None = None) -> HTTPServer:
    """An HTTP server with the limits of every connection."""
    server = HTTPServer(
        application,
        ssl_options=context,
        xheaders=application.conf.http.trust_proxy,
        max_header_size=_MAX_HEADER_BYTES,
        max_buffer_size=_MAX_BUFFER_BYTES,
        chunk_size=_READ_BYTES,
        max_body_size=sys.maxsize,  # the application limits bodies, and answers in the envelope
    )
    server.conn_params.header_timeout = None  # undocumented; `Deadlines` costs less
    return server


class Server:
    """The HTTP servers of one process."""

    def __init__(self, application: Application, sockets: Sockets, tls_context: ssl.SSLContext | None) -> None:
        self._application = application
        self._servers = []
        for listening, context in ((sockets.plain, None), (sockets.tls, tls_context)):
            if listening:
                server = make_server(application, context)
                server.add_sockets(listening)
                self._servers.append(server)

    async def drain(self, timeout: float) -> None:
        """Accept no connection, finish the requests in flight within `timeout` seconds, close every connection."""
        self._application.draining = True
        for server in self._servers:
            server.conn_params.no_keep_alive = True  # undocumented; a connection closes after its next answer
            server.stop()
        await self._quiet(timeout)
        if self._application.in_flight:
            log.warning("requests cut off", count=self._application.in_flight)
        self._application.deadlines.close_all()
        for server in self._servers:
            await server.close_all_connections()

    async def _quiet(self, timeout: float) -> None:
        """Return when no request has been in flight for a moment, or after `timeout` seconds."""
        loop = asyncio.get_running_loop()
        busy = loop.time()
        deadline = busy + timeout
        while loop.time() < min(busy + _QUIET_S, deadline):
            await asyncio.sleep(_POLL_S)
            if self._application.in_flight:
                busy = loop.time()
