"""A request as Tornado's handlers know it, made from what has been parsed already."""

import re
import time
from functools import cached_property, lru_cache
from typing import NamedTuple

from tornado.escape import parse_qs_bytes
from tornado.httputil import (
    HTTPConnection,
    HTTPFile,
    HTTPHeaders,
    HTTPInputError,
    HTTPServerRequest,
    RequestStartLine,
)

from handlers.transport.proxies import TrustedProxies, client_address, is_trusted

# uri-host and port (RFC 3986 section 3.2.2), without the comma: two Host fields joined by one are two hosts.
_HOST = re.compile(r"[\w.~!$&'()*+;=%:\[\]-]*", re.ASCII)
_ABSOLUTE_FORM = re.compile(r"\Ahttps?://[^/?]+", re.IGNORECASE)


class Peer(NamedTuple):
    """The other end of a connection: its address, and "http" or "https"."""

    remote_ip: str
    protocol: str


class Request(HTTPServerRequest):
    """Tornado's request. The fields of a query are parsed when a handler asks for them."""

    def __init__(
        self,
        connection: HTTPConnection,
        start_line: RequestStartLine,
        headers: HTTPHeaders,
        proxies: TrustedProxies | None,
    ) -> None:
        """Raises HTTPInputError for a request without a host, or for more than one (RFC 9112 section 3.2)."""
        self.method, self.uri, self.version = start_line
        self.headers = headers
        self.connection = connection
        self.body = b""
        self._started = 0.0
        peer: Peer = connection.context  # type: ignore[attr-defined]  # of every HTTPConnection, though undeclared
        self.remote_ip, self.protocol = peer.remote_ip, peer.protocol
        self.from_proxy = proxies is not None and is_trusted(proxies, peer.remote_ip)
        """True when a trusted proxy has sent the request."""
        if proxies is not None and self.from_proxy:
            self._believe(proxies, headers)
        host = headers.get("Host", "127.0.0.1" if self.version == "HTTP/1.0" else None)
        if host is None or not _is_host(host):
            raise HTTPInputError("Host is missing, repeated or malformed")
        self.host = host
        self.path, _, self.query = _origin_form(self.uri).partition("?")

    def _believe(self, proxies: TrustedProxies, headers: HTTPHeaders) -> None:
        forwarded_for, real_ip = headers.get("X-Forwarded-For", ""), headers.get("X-Real-Ip", "")
        self.remote_ip = client_address(proxies, self.remote_ip, forwarded_for, real_ip)
        if (scheme := headers.get("X-Scheme", "")) in ("http", "https"):
            self.protocol = scheme

    @property
    def host_name(self) -> str:  # type: ignore[override]
        """The host without its port, in lower case."""
        return re.sub(r":\d*$", "", self.host.lower())

    @cached_property
    def arguments(self) -> dict[str, list[bytes]]:  # type: ignore[override]
        """The fields of the query."""
        return parse_qs_bytes(self.query, keep_blank_values=True)

    @cached_property
    def query_arguments(self) -> dict[str, list[bytes]]:  # type: ignore[override]
        """The fields of the query, in a dictionary of their own."""
        return parse_qs_bytes(self.query, keep_blank_values=True)

    @cached_property
    def body_arguments(self) -> dict[str, list[bytes]]:  # type: ignore[override]
        """The fields of a form: none, since a body is JSON whatever its type says."""
        return {}

    @cached_property
    def files(self) -> dict[str, list[HTTPFile]]:  # type: ignore[override]
        """The files of a form: none."""
        return {}

    def complete(self, body: bytes) -> None:
        """The body has arrived. The time of the request begins."""
        self.body = body
        self._started = time.monotonic()

    def request_time(self) -> float:
        """Seconds since the request had arrived."""
        return time.monotonic() - self._started


@lru_cache(maxsize=64)
def _is_host(host: str) -> bool:
    return _HOST.fullmatch(host) is not None


def _origin_form(target: str) -> str:
    """The path and query of a target, which may be in absolute form (RFC 9112 section 3.2.2)."""
    return target if target.startswith("/") else _ABSOLUTE_FORM.sub("", target)
