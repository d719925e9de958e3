"""A request has what Tornado's handlers ask of it."""

from types import SimpleNamespace
from typing import Any

import pytest
from tornado.httputil import HTTPInputError, HTTPServerRequest, RequestStartLine

from handlers.transport.headers import Headers
from handlers.transport.request import Request


def make(target: str = "/", headers: dict[str, str] | None = None, *, trust_proxy: bool = False) -> Request:
    connection: Any = SimpleNamespace(context=SimpleNamespace(remote_ip="192.0.2.1", protocol="http"))
    fields = Headers({"Host": "x"} if headers is None else headers)
    return Request(connection, RequestStartLine("GET", target, "HTTP/1.1"), fields, trust_proxy=trust_proxy)


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


def test_a_proxy_is_believed_when_it_is_trusted() -> None:
    sent = {"Host": "x", "X-Real-Ip": "2001:db8::1", "X-Scheme": "https", "X-Forwarded-For": "1.2.3.4"}
    trusting = make("/", sent, trust_proxy=True)
    assert (trusting.remote_ip, trusting.protocol) == ("2001:db8::1", "https")
    assert (make("/", sent).remote_ip, make("/", sent).protocol) == ("192.0.2.1", "http")


@pytest.mark.parametrize("address", ['1"', "1", "0x7f.1", "\xb9.2.3.4", "fe80::1%lo", "1.2.3.4, 5.6.7.8", ""])
def test_only_an_address_is_believed(address: str) -> None:
    request = make("/", {"Host": "x", "X-Real-Ip": address, "X-Scheme": "ftp"}, trust_proxy=True)
    assert (request.remote_ip, request.protocol) == ("192.0.2.1", "http")


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
