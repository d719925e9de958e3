"""A request has what Tornado's handlers ask of it."""

from ipaddress import ip_network
from types import SimpleNamespace
from typing import Any

import pytest
from tornado.httputil import HTTPInputError, HTTPServerRequest, RequestStartLine

from handlers.transport.headers import Headers
from handlers.transport.proxies import TrustedProxies
from handlers.transport.request import Request

PEER = "192.0.2.1"
TRUSTED = TrustedProxies([ip_network("192.0.2.0/24"), ip_network("2001:db8::/32")])


def make(
    target: str = "/",
    headers: dict[str, str] | None = None,
    *,
    proxies: TrustedProxies | None = None,
    peer: str = PEER,
) -> Request:
    connection: Any = SimpleNamespace(context=SimpleNamespace(remote_ip=peer, protocol="http"))
    fields = Headers({"Host": "x"} if headers is None else headers)
    return Request(connection, RequestStartLine("GET", target, "HTTP/1.1"), fields, proxies)


@pytest.mark.parametrize("host", ["x", "X.example:8000", "[::1]:80", "", "127.0.0.1"])
@pytest.mark.parametrize("target", ["/", "/a?b=1&b=2&c=&d", "/a?%E4%BD%A0=%20+", "*"])
def test_it_equals_tornados(host: str, target: str) -> None:
    ours = make(target, {"Host": host, "Cookie": "a=b"})
    theirs = HTTPServerRequest(
        headers=Headers({"Host": host, "Cookie": "a=b"}),
        connection=ours.connection,
        start_line=RequestStartLine("GET", target, "HTTP/1.1"),
    )
    for name in (
        *("method", "uri", "version", "path", "query", "host", "host_name", "arguments", "query_arguments", "body"),
        *("body_arguments", "files", "remote_ip", "protocol", "cookies"),
    ):
        assert getattr(ours, name) == getattr(theirs, name), name
    assert ours.full_url() == theirs.full_url()
    ours.complete(b"body")
    assert ours.body == b"body"
    assert 0 <= ours.request_time() < 60


@pytest.mark.parametrize("headers", [{}, {"Host": "a,b"}, {"Host": "a b"}, {"Host": "a/b"}])
def test_it_has_one_host(headers: dict[str, str]) -> None:
    with pytest.raises(HTTPInputError, match="Host"):
        make("/", headers)


def address_of(proxies: TrustedProxies | None = TRUSTED, peer: str = PEER, **headers: str) -> str | None:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return make("/", {"Host": "x", **named}, proxies=proxies, peer=peer).remote_ip


@pytest.mark.parametrize(
    ("forwarded", "address"),
    [
        ("198.51.100.7", "198.51.100.7"),
        ("9.9.9.9, 198.51.100.7", "198.51.100.7"),
        ("9.9.9.9,198.51.100.7,192.0.2.2, 2001:db8::1", "198.51.100.7"),
        ("::ffff:198.51.100.7", "198.51.100.7"),
        ("2A00:0:0::1", "2a00::1"),
        ("192.0.2.2, 192.0.2.3", PEER),
    ],
)
def test_the_client_is_the_right_most_address_that_is_no_trusted_proxy(forwarded: str, address: str) -> None:
    assert address_of(X_Forwarded_For=forwarded) == address
    assert address_of(X_Real_Ip=forwarded) == address
    assert address_of(X_Forwarded_For=forwarded, X_Real_Ip=forwarded) == address
    assert address_of(X_Forwarded_For=forwarded, X_Real_Ip="192.0.2.9") == address


def test_a_header_that_contradicts_the_other_is_forged() -> None:
    assert address_of(X_Forwarded_For="9.9.9.9", X_Real_Ip="198.51.100.7") == PEER


@pytest.mark.parametrize("peer", ["198.51.100.7", "2a00::1", "", "::ffff:198.51.100.7"])
def test_nobody_else_is_believed(peer: str) -> None:
    sent = {"Host": "x", "X-Forwarded-For": "9.9.9.9", "X-Real-Ip": "9.9.9.9", "X-Scheme": "https"}
    for proxies in (TRUSTED, None):
        request = make("/", sent, proxies=proxies, peer=peer)
        assert (request.remote_ip, request.protocol, request.from_proxy) == (peer, "http", False)


def test_a_proxy_at_a_unix_socket_is_believed_when_it_is_named() -> None:
    assert address_of(TrustedProxies(["unix"]), peer="", X_Real_Ip="9.9.9.9") == "9.9.9.9"
    assert address_of(TrustedProxies(["unix"]), X_Real_Ip="9.9.9.9") == PEER


def test_a_proxy_is_believed_at_its_address_of_ipv4_in_ipv6() -> None:
    assert address_of(peer="::ffff:192.0.2.1", X_Real_Ip="9.9.9.9") == "9.9.9.9"


@pytest.mark.parametrize(
    "address", ['1"', "1", "0x7f.1", "\xb9.2.3.4", "fe80::1%lo", "9.9.9.9, unknown", "9.9.9.9:80", ""]
)
def test_only_an_address_is_believed(address: str) -> None:
    assert address_of(X_Real_Ip=address) == PEER
    assert address_of(X_Forwarded_For=address) == PEER


@pytest.mark.parametrize(("scheme", "protocol"), [("https", "https"), ("http", "http"), ("ftp", "http")])
def test_a_proxy_names_the_scheme(scheme: str, protocol: str) -> None:
    assert make("/", {"Host": "x", "X-Scheme": scheme}, proxies=TRUSTED).protocol == protocol


@pytest.mark.parametrize(
    ("target", "path"),
    [
        ("http://x/a?b", "/a"),
        ("http://x/a/http://y/b", "/a/http://y/b"),
        ("HTTPS://x:8/a", "/a"),
        ("http:///a", "http:///a"),
        ("//a", "//a"),
        ("*", "*"),
    ],
)
def test_a_target_may_be_in_absolute_form(target: str, path: str) -> None:
    assert make(target).path == path
