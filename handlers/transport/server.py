"""The HTTP server of one process, on one of two engines behind the same application."""

import asyncio
import select
import socket
import ssl
from typing import Protocol

from tornado.httpserver import HTTPServer

from handlers.transport.application import Application
from handlers.transport.connections import Connections
from handlers.transport.http1 import Http1Connection
from handlers.transport.listeners import BACKLOG, Sockets

_HANDSHAKE_TIMEOUT_S = 15
_SHUTDOWN_TIMEOUT_S = 5  # for a client to say goodbye in TLS
_ACCEPT_S = 2  # a stop accepts for so long at most
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
        self._servers: list[asyncio.Server] = []
        self.connections = Connections()
        metrics = application.services.metrics
        metrics.connections.watch(self.connections.by_phase)
        metrics.late_clients.watch(lambda: self.connections.late)

    async def listen(self, sock: socket.socket, context: ssl.SSLContext | None) -> None:
        server = await asyncio.get_running_loop().create_server(
            lambda: Http1Connection(self._application, self.connections),
            sock=sock,
            backlog=BACKLOG,
            ssl=context,
            ssl_handshake_timeout=_HANDSHAKE_TIMEOUT_S if context else None,
            ssl_shutdown_timeout=_SHUTDOWN_TIMEOUT_S if context else None,
        )
        self._servers.append(server)

    async def drain(self, timeout: float) -> None:
        self._application.draining = True
        loop = asyncio.get_running_loop()
        end = loop.time() + timeout
        await self._accept_waiting(min(timeout, _ACCEPT_S))
        for server in self._servers:
            server.close()
        await self.connections.drain(max(0, end - loop.time()))

    async def _accept_waiting(self, timeout: float) -> None:
        """Accept who has connected already: a socket that closes resets the connections in its queue."""
        loop = asyncio.get_running_loop()
        end = loop.time() + timeout
        queues = select.poll()
        for server in self._servers:
            for listening in server.sockets:
                queues.register(listening.fileno(), select.POLLIN)
        while queues.poll(0) and loop.time() < end:
            await asyncio.sleep(0)


class TornadoEngine:
    """Tornado's own HTTP server with Tornado's own limits: a second opinion, and the way back."""

    def __init__(self, application: Application) -> None:
        self._application = application
        self._servers: list[HTTPServer] = []

    async def listen(self, sock: socket.socket, context: ssl.SSLContext | None) -> None:
        server = HTTPServer(self._application, ssl_options=context)
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


ENGINES: dict[str, type[LlhttpEngine | TornadoEngine]] = {"llhttp": LlhttpEngine, "tornado": TornadoEngine}


async def start(application: Application, sockets: Sockets, tls_context: ssl.SSLContext | None) -> Engine:
    """Serve the application on the sockets with the engine of the settings."""
    engine = ENGINES[application.conf.http.engine](application)
    for sock in sockets.plain:
        await engine.listen(sock, None)
    for sock in sockets.tls:
        await engine.listen(sock, tls_context)
    return engine
