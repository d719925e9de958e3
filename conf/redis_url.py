"""The URL of Redis: of one server, or of some nodes of a Redis Cluster."""

import ssl
from typing import NamedTuple
from urllib.parse import SplitResult, parse_qsl, urlencode

from conf.tls import NAMES as TLS_NAMES
from conf.tls import tls_context
from conf.urls import has_port, split_url

_SCHEMES = ("redis", "rediss", "unix", "redis+cluster", "rediss+cluster")


class RedisAddress(NamedTuple):
    """Where Redis is. `urls` are for redis-py: that of the server, or those of nodes that know the whole cluster."""

    urls: tuple[str, ...]
    is_cluster: bool
    tls: ssl.SSLContext | None
    """None without TLS, and for one that redis-py's own options describe."""


def redis_address(url: str) -> RedisAddress:
    """The address in a setting.

    Shape: `redis://:password@host:port/0`, `unix:///path?db=0` or `redis+cluster://:password@host:port,host:port`;
    `rediss` and `rediss+cluster` encrypt the connection. `?ssl_ca=/path` names the certificates (PEM) that may have
    signed the server's, and `&ssl_cert=/path&ssl_key=/path` the certificate that identifies us. Raises ValueError with
    the expected shape, never with the value: it holds a password.
    """
    parts = split_url(url)
    scheme, _, cluster = parts.scheme.partition("+")
    query = dict(parse_qsl(parts.query, keep_blank_values=True))
    files = {name: query.pop(name) for name in TLS_NAMES if name in query}
    urls = tuple(each._replace(scheme=scheme, query=urlencode(query)).geturl() for each in _servers(parts, cluster))
    if parts.scheme not in _SCHEMES or not urls or (files and scheme != "rediss"):
        raise ValueError(
            "takes redis://[:password@]host:port/0, unix:///path?db=0 or "
            "redis+cluster://[:password@]host:port,host:port; rediss:// and rediss+cluster:// take ?ssl_ca=, "
            "and ssl_cert= with ssl_key="
        )
    by_redis_py = any(name.startswith("ssl_") for name in query)
    return RedisAddress(urls, bool(cluster), tls_context(files) if scheme == "rediss" and not by_redis_py else None)


def _servers(parts: SplitResult, cluster: str) -> list[SplitResult]:
    """One URL for each server, none when a host or a port is wrong."""
    if not cluster:
        return [parts] if _is_server(parts, needs_host=False) else []
    credentials, at, hosts = parts.netloc.rpartition("@")
    servers = [parts._replace(netloc=credentials + at + host) for host in hosts.split(",")]
    fits = parts.path in ("", "/", "/0") and all(_is_server(server, needs_host=True) for server in servers)
    return servers if fits else []


def _is_server(parts: SplitResult, *, needs_host: bool) -> bool:
    """True with a usable port or none, and with a host where it needs one."""
    return has_port(parts) and bool(parts.hostname or not needs_host)
