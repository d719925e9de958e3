"""The listening sockets and the certificate of a server."""

import itertools
import resource
import socket
import ssl
from pathlib import Path
from typing import NamedTuple, Self

import structlog
import trustme
from tornado.netutil import bind_sockets

from conf.settings import ROOT, Http

log = structlog.get_logger()

# What the kernel takes of an answer beyond what it has sent. By default it takes up to 4 MB (net.ipv4.tcp_wmem) for
# a client that does not read (TCP_NOTSENT_LOWAT, tcp(7)).
_MAX_UNSENT_BYTES = 128 * 1024
# What the kernel keeps for us while a connection is not read. By default it grows with a client that sends much, up to
# 6 MB and more (net.ipv4.tcp_rmem), and stays so. Linux doubles the number for data of its own (SO_RCVBUF, socket(7)).
_RECEIVE_BYTES = 64 * 1024
BACKLOG = 1024  # connections that wait for a worker: all viewers of a broadcast connect when it begins

# Forward secrecy and AEAD only, as in TLS 1.3 (RFC 9325 section 4.2).
_TLS_1_2_CIPHERS = "ECDHE+AESGCM:ECDHE+CHACHA20"


class Sockets(NamedTuple):
    """The listening sockets of one worker."""

    plain: list[socket.socket]
    tls: list[socket.socket]


class Listeners:
    """The sockets of all workers and the certificate. They are opened before any worker is forked, and stay open when a
    worker dies: the connections that wait at its sockets are served by the worker that replaces it.

    Each worker has sockets of its own, between which the kernel spreads the connections (SO_REUSEPORT, socket(7)). At a
    common socket, the worker that wakes first would accept a whole burst of connections and keep them.
    """

    def __init__(self, sockets: list[Sockets], certificate: tuple[Path, Path] | None) -> None:
        self.sockets = sockets
        self._certificate = certificate
        self.tls_context: ssl.SSLContext | None = None
        if certificate is not None:
            self.tls_context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            self.tls_context.minimum_version = ssl.TLSVersion.TLSv1_2
            self.tls_context.set_ciphers(_TLS_1_2_CIPHERS)
            self._load_certificate()

    @classmethod
    def open(cls, http: Http) -> Self:
        """Listen where the settings say. Raises OSError, naming the address, when that is not possible."""
        if http.fd is not None:
            inherited = socket.socket(fileno=http.fd)
            inherited.setblocking(False)
            _limit_buffers(inherited)
            return cls([Sockets([inherited], [])] * http.processes, None)
        plain = listen(http.address, http.port, http.processes)
        tls = listen(http.address, http.tls_port, http.processes)
        return cls(list(map(Sockets, plain, tls)), _certificate(http) if http.tls_port else None)

    def urls(self, number: int) -> list[str]:
        """The addresses at which worker `number` listens."""
        plain, tls = self.sockets[number]
        return [_url("http", listening) for listening in plain] + [_url("https", listening) for listening in tls]

    def close_others(self, number: int | None = None) -> None:
        """Close this process's copies of the sockets that are not those of worker `number`.

        A socket that a process holds without accepting would keep new connections waiting when its worker has stopped.
        """
        own = [] if number is None else [*self.sockets[number].plain, *self.sockets[number].tls]
        for sockets in self.sockets:
            for listening in (*sockets.plain, *sockets.tls):
                if listening not in own:
                    listening.close()

    def reload_certificate(self) -> None:
        """Serve new connections with the present content of the certificate files, if it can be loaded."""
        try:
            self._load_certificate()
            log.info("certificate reloaded")
        except OSError as error:
            log.error("certificate not reloaded", error=repr(error))

    def _load_certificate(self) -> None:
        if self.tls_context is not None and self._certificate is not None:
            # A key that does not fit would leave the live context half changed: the pair is tried on another one first.
            ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(*self._certificate)
            self.tls_context.load_cert_chain(*self._certificate)


def _url(scheme: str, listening: socket.socket) -> str:
    address = listening.getsockname()
    if listening.family == socket.AF_UNIX:
        return f"{scheme}+unix:{address}"
    host = f"[{address[0]}]" if listening.family == socket.AF_INET6 else address[0]
    return f"{scheme}://{host}:{address[1]}"


def allow_many_connections() -> None:
    """Raise the soft limit on open files, which is often 1,024, to the hard limit. A connection is an open file."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def listen(address: str, port: int, count: int) -> list[list[socket.socket]]:
    """Sockets for each of `count` workers, none for port 0. Raises OSError, naming the address."""
    if not port:
        return [[] for _ in range(count)]
    try:
        for probe in bind_sockets(port, address):  # a socket that shares the port would not notice another server there
            probe.close()
        sockets = [bind_sockets(port, address, backlog=BACKLOG, reuse_port=True) for _ in range(count)]
    except OSError as error:
        raise OSError(f"cannot listen on {address}:{port}: {error.strerror}") from error
    for listening in itertools.chain(*sockets):
        _limit_buffers(listening)
    return sockets


def _limit_buffers(listening: socket.socket) -> None:
    """Bound the memory of the connections that it will accept: they take over its options."""
    if listening.family != socket.AF_UNIX:
        listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_NOTSENT_LOWAT, _MAX_UNSENT_BYTES)
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _RECEIVE_BYTES)


def _certificate(http: Http) -> tuple[Path, Path]:
    """The certificate and key of the settings, or a self-signed pair for localhost, which is made once."""
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
