"""The HTTP server of one process, on one of two engines behind the same application."""

import asyncio
import socket
import ssl
from functools import partial
from typing import Any, Protocol

from tornado.httpserver import HTTPServer
from tornado.iostream import IOStream

from handlers.transport.acceptor import Acceptor
from handlers.transport.admission import Admission
from handlers.transport.application import Application
from handlers.transport.connections import Connections
from handlers.transport.http1 import Http1Connection
from handlers.transport.listeners import Sockets
from services.background import Background

_HANDSHAKE_TIMEOUT_S = 15
_SHUTDOWN_TIMEOUT_S = 5  # for a client to say goodbye in TLS
_TORNADO_GRACE_S = 1


class Engine(Protocol):
    """Serves an application on sockets."""

    async def listen(self, sock: socket.socket, context: ssl.SSLContext | None) -> None:
        """Accept connections, with TLS if there is a context."""

    async def drain(self, timeout: float) -> None:
        """Accept no connection, finish the requests in flight within `timeout` seconds, close every connection."""


class LlhttpEngine:
    """Our own connections, whose requests llhttp parses."""

    def __init__(self, application: Application) -> None:
        self._application = application
        self._acceptors: list[Acceptor] = []
        self._connecting = Background()
        metrics = application.services.metrics
        self._admission = Admission(application.conf.http, application.proxies, metrics.refused_connections)
        self.connections = Connections()
        metrics.connections.watch(self.connections.by_phase)
        metrics.late_clients.watch(lambda: self.connections.late)

    async def listen(self, sock: socket.socket, context: ssl.SSLContext | None) -> None:
        self._acceptors.append(Acceptor(sock, partial(self._take, context)))

    async def drain(self, timeout: float) -> None:
        self._application.draining = True
        for acceptor in self._acceptors:
            acceptor.close()
        await self.connections.drain(timeout)
        await self._connecting.cancel()

    def _take(self, context: ssl.SSLContext | None, accepted: socket.socket, address: str) -> None:
        connection = Http1Connection(self._application, self.connections)
        if self._admission.admit(connection, accepted.fileno(), address):
            connection.on_lost = partial(self._admission.release, connection)
            self._connecting.start(self._connect(connection, accepted, context))
        else:
            accepted.close()

    async def _connect(
        self, connection: Http1Connection, accepted: socket.socket, context: ssl.SSLContext | None
    ) -> None:
        """Give the connection its transport, after the handshake if there is a context."""
        try:
            await asyncio.get_running_loop().connect_accepted_socket(
                lambda: connection,
                accepted,
                ssl=context,
                ssl_handshake_timeout=_HANDSHAKE_TIMEOUT_S if context else None,
                ssl_shutdown_timeout=_SHUTDOWN_TIMEOUT_S if context else None,
            )
        except OSError:  # no handshake: the client has left, is late, or speaks something else
            self._admission.release(connection)


class TornadoEngine:
    """Tornado's own HTTP server with Tornado's own limits: a second opinion, and the way back."""

    def __init__(self, application: Application) -> None:
        self._application = application
        refused = application.services.metrics.refused_connections
        self._admission = Admission(application.conf.http, application.proxies, refused)
        self._servers: list[HTTPServer] = []

    async def listen(self, sock: socket.socket, context: ssl.SSLContext | None) -> None:
        server = _TornadoServer(self._application, admission=self._admission, ssl_options=context)
        server.add_socket(sock)
        self._servers.append(server)

    async def drain(self, timeout: float) -> None:
        """Tornado does not know what is in flight: what takes longer than a second is cut off."""
        self._application.draining = True
        for server in self._servers:
            server.stop()
        await asyncio.sleep(min(timeout, _TORNADO_GRACE_S))
        for server in self._servers:
            await server.close_all_connections()


class _TornadoServer(HTTPServer):
    """Refuses connections as the other engine does."""

    def initialize(self, application: Application, *, admission: Admission, **arguments: Any) -> None:  # type: ignore[override]
        super().initialize(application, **arguments)
        self._admission = admission

    def handle_stream(self, stream: IOStream, address: tuple[Any, ...]) -> None:
        if self._admission.admit(stream, stream.socket.fileno(), address[0] if address else ""):
            super().handle_stream(stream, address)
        else:
            stream.close()

    def on_close(self, server_conn: object) -> None:
        self._admission.release(server_conn.stream)  # type: ignore[attr-defined]  # of every HTTP1ServerConnection
        super().on_close(server_conn)


ENGINES: dict[str, type[LlhttpEngine | TornadoEngine]] = {"llhttp": LlhttpEngine, "tornado": TornadoEngine}


async def start(application: Application, sockets: Sockets, tls_context: ssl.SSLContext | None) -> Engine:
    """Serve the application on the sockets with the engine of the settings."""
    engine = ENGINES[application.conf.http.engine](application)
    for sock in sockets.plain:
        await engine.listen(sock, None)
    for sock in sockets.tls:
        await engine.listen(sock, tls_context)
    return engine


async def stop(engine: Engine, application: Application) -> None:
    """Serve on for `http.lame_duck` seconds while /readyz already says "draining"; then drain.

    Meanwhile balancers notice it, and answers ask clients to connect anew, which leads them elsewhere.
    """
    http = application.conf.http
    application.draining = True
    await asyncio.sleep(http.lame_duck)
    await engine.drain(http.drain_timeout)
