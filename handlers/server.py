"""Listening sockets, TLS, and a stop that loses no request."""

import asyncio
import resource
import socket
import ssl
import sys
from pathlib import Path
from typing import NamedTuple, Self

import structlog
import trustme
from tornado.httpserver import HTTPServer
from tornado.netutil import bind_sockets

from conf.settings import ROOT, Http
from handlers.application import Application

log = structlog.get_logger()

_BACKLOG = 1024  # connections that wait for a worker: a broadcast begins for everybody at once
_HEADER_BYTES = 16 * 1024
# Room that is made, and filled with zeros, for every read of a socket: most requests are a tenth of it.
_READ_BYTES = 8 * 1024
# What a client may send ahead of its turn.
_BUFFER_BYTES = 256 * 1024
# What a stop gives an answer that is written to get out of the door.
_GRACE_SECONDS = 0.1
_POLL_SECONDS = 0.02


class Sockets(NamedTuple):
    """What one worker listens on."""

    plain: list[socket.socket]
    tls: list[socket.socket]


class Listeners:
    """The sockets and the certificate, opened before any worker is forked: a connection that waits survives a worker.

    Every worker has sockets of its own, between which the kernel spreads the connections (SO_REUSEPORT, socket(7)):
    of a socket in common, whoever wakes first takes all connections of a burst, and has them for as long as they live.
    """

    def __init__(self, sockets: list[Sockets], certificate: tuple[Path, Path] | None) -> None:
        self.sockets = sockets
        self._certificate = certificate
        self.tls_context: ssl.SSLContext | None = None
        if certificate is not None:
            self.tls_context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            self.tls_context.minimum_version = ssl.TLSVersion.TLSv1_2
            self.reload_certificate()

    @classmethod
    def open(cls, http: Http) -> Self:
        """Listen where the settings say. Raises OSError, naming the address, when that is not possible."""
        if http.fd is not None:
            inherited = socket.socket(fileno=http.fd)
            inherited.setblocking(False)
            return cls([Sockets([inherited], [])] * http.processes, None)
        plain = listen(http.address, http.port, http.processes)
        tls = listen(http.address, http.tls_port, http.processes)
        return cls(list(map(Sockets, plain, tls)), _certificate(http) if http.tls_port else None)

    def reload_certificate(self) -> None:
        """Serve new connections with what the certificate files hold now. Raises OSError."""
        if self.tls_context is not None and self._certificate is not None:
            # A key that does not fit would spoil the live context half-way: try the pair on another one first.
            ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(*self._certificate)
            self.tls_context.load_cert_chain(*self._certificate)


def allow_many_connections() -> None:
    """Each is an open file: take as many as the system allows, where a shell's soft limit is often 1,024."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


def listen(address: str, port: int, count: int) -> list[list[socket.socket]]:
    """Sockets for each of `count` workers, none for port 0. Raises OSError, naming the address."""
    if not port:
        return [[] for _ in range(count)]
    try:
        for alone in bind_sockets(port, address):  # one that shares the port would not notice another server there
            alone.close()
        return [bind_sockets(port, address, backlog=_BACKLOG, reuse_port=True) for _ in range(count)]
    except OSError as error:
        raise OSError(f"cannot listen on {address}:{port}: {error.strerror}") from error


def make_server(application: Application, context: ssl.SSLContext | None = None) -> HTTPServer:
    """An HTTP server with the limits that every connection of ours has."""
    server = HTTPServer(
        application,
        ssl_options=context,
        xheaders=application.conf.http.trust_proxy,
        max_header_size=_HEADER_BYTES,
        max_buffer_size=_BUFFER_BYTES,
        chunk_size=_READ_BYTES,
        max_body_size=sys.maxsize,  # the application cuts bodies, so that too long a one gets a real answer
    )
    server.conn_params.header_timeout = None  # undocumented; `handlers.deadlines` is cheaper
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
        """Accept nothing more, finish what is in flight within `timeout` seconds, close every connection."""
        self._application.draining = True
        for server in self._servers:
            server.conn_params.no_keep_alive = True  # undocumented; a connection closes after its next answer
            server.stop()
        deadline = asyncio.get_running_loop().time() + timeout
        while self._application.in_flight and asyncio.get_running_loop().time() < deadline:
            await asyncio.sleep(_POLL_SECONDS)
        await asyncio.sleep(_GRACE_SECONDS)
        if self._application.in_flight:
            log.warning("requests cut off", count=self._application.in_flight)
        for server in self._servers:
            await server.close_all_connections()


def _certificate(http: Http) -> tuple[Path, Path]:
    """The certificate and key of the settings; without them a self-made pair for localhost, made once."""
    if http.tls_certificate is not None and http.tls_key is not None:
        return http.tls_certificate, http.tls_key
    folder = ROOT / "var" / "tls"
    certificate, key = folder / "certificate.pem", folder / "key.pem"
    if not (certificate.exists() and key.exists()):
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        authority = trustme.CA(organization_name="xiaozhibo development")
        issued = authority.issue_cert("localhost", "127.0.0.1", "::1")
        authority.cert_pem.write_to_path(folder / "ca.pem")
        issued.cert_chain_pems[0].write_to_path(certificate)
        key.touch(mode=0o600)
        issued.private_key_pem.write_to_path(key)
    return certificate, key
