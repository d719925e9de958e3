"""Requests as bytes: the syntax of HTTP/1.1 and its traps, each with a second request close behind it.

An outcome is the statuses of the answers in their order, then "closed" if the server closed the connection. A second
request shows what the server took for the end of the first: a 200 behind a refused or foreign body is smuggling.
"""

from typing import NamedTuple

SECOND = b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n"
SMUGGLED = SECOND  # as a body, it must not be answered
LIMIT = 64 * 1024  # bytes of a body


class Case(NamedTuple):
    """Bytes of a client, and what becomes of them."""

    data: bytes
    llhttp: str
    tornado: str = ""
    """The outcome with `http.engine = "tornado"`, where it differs."""
    why: str = ""
    """The reason of the difference."""
    parts: int = 1
    """The number of pieces in which the bytes are sent."""


def post(*fields: str, body: bytes = b"", start: str = "POST /healthz HTTP/1.1", host: str = "Host: x") -> bytes:
    """A request that is answered 405 once its body is read, whatever that is."""
    lines = [start, *filter(None, [host]), *fields, "", ""]
    return "\r\n".join(lines).encode("latin-1") + body


def chunked(*fields: str, body: bytes = b"5\r\nhello\r\n0\r\n\r\n", coding: str = "chunked") -> bytes:
    """The same with a chunked body."""
    return post(f"Transfer-Encoding: {coding}", *fields, body=body)


def length(value: object, body: bytes = b"hello", *fields: str) -> bytes:
    """The same with a Content-Length."""
    return post(f"Content-Length: {value}", *fields, body=body)


FINE = "405 200"
REFUSED = "400 closed"

CASES = {
    # The length of a body (RFC 9112 section 6)
    "no body": Case(post(), FINE),
    "length": Case(length(5), FINE),
    "length 0": Case(length(0, b""), FINE),
    "length with zeros": Case(length("0005"), FINE),
    "length and chunked": Case(chunked("Content-Length: 5"), REFUSED),
    "chunked and length": Case(length(5, b"5\r\nhello\r\n0\r\n\r\n", "Transfer-Encoding: chunked"), REFUSED),
    "chunked and length 0": Case(chunked("Content-Length: 0", body=b"0\r\n\r\n" + SMUGGLED), REFUSED),
    "differing lengths": Case(length(5, b"hello", "Content-Length: 6"), REFUSED),
    "equal lengths": Case(
        length(5, b"hello", "Content-Length: 5"),
        REFUSED,
        FINE,
        "Tornado takes equal lengths for one (section 6.3 allows both)",
    ),
    "list of equal lengths": Case(
        length("5, 5"), REFUSED, FINE, "Tornado takes equal lengths for one (section 6.3 allows both)"
    ),
    "length with a sign": Case(length("+5"), REFUSED),
    "length below 0": Case(length("-1"), REFUSED),
    "hexadecimal length": Case(length("0x5"), REFUSED),
    "length with an underscore": Case(length("0_5"), REFUSED),
    "empty length": Case(length(""), REFUSED),
    "length beyond 64 bits": Case(length(2**64 + 5), REFUSED),
    "length with a space inside": Case(length("1 5"), REFUSED),
    "length with spaces around": Case(length("  5 \t"), FINE),
    # Chunks (section 7.1)
    "chunked": Case(chunked(), FINE),
    "chunked in capitals": Case(chunked(coding="CHUNKED"), FINE),
    "many chunks": Case(chunked(body=b"1\r\nh\r\n" * 9 + b"0\r\n\r\n"), FINE),
    "unknown coding": Case(chunked(coding="xchunked"), REFUSED),
    "chunked, then identity": Case(chunked(coding="chunked, identity"), REFUSED),
    "gzip, then chunked": Case(chunked(coding="gzip, chunked"), REFUSED),
    "chunked twice": Case(chunked("Transfer-Encoding: chunked"), REFUSED),
    "identity": Case(chunked(coding="identity"), REFUSED),
    "coding after a vertical tab": Case(chunked(coding="\x0bchunked"), REFUSED),
    "chunked in HTTP/1.0": Case(post("Transfer-Encoding: chunked", start="POST /healthz HTTP/1.0"), REFUSED),
    "chunk size with 0x": Case(chunked(body=b"0x5\r\nhello\r\n0\r\n\r\n"), REFUSED),
    "chunk size with a sign": Case(chunked(body=b"+5\r\nhello\r\n0\r\n\r\n"), REFUSED),
    "chunk size below 0": Case(chunked(body=b"-1\r\nhello\r\n0\r\n\r\n"), REFUSED),
    "chunk size and a space": Case(chunked(body=b"5 \r\nhello\r\n0\r\n\r\n"), REFUSED),
    "chunk size beyond 64 bits": Case(chunked(body=b"10000000000000005\r\nhello\r\n0\r\n\r\n"), REFUSED),
    "chunk longer than its size": Case(chunked(body=b"5\r\nhello!\r\n0\r\n\r\n"), REFUSED),
    "chunk with bare line feeds": Case(chunked(body=b"5\nhello\n0\n\n"), REFUSED),
    "chunk extension": Case(
        chunked(body=b"5;a=b\r\nhello\r\n0\r\n\r\n"),
        FINE,
        REFUSED,
        "Tornado knows no chunk extensions; section 7.1.1 asks to ignore them",
    ),
    "chunk extension with a line feed": Case(chunked(body=b"5;a=b\nhello\r\n0\r\n\r\n"), REFUSED),
    "endless chunk extension": Case(
        chunked(body=b"5;" + b"a" * 40000), REFUSED, "closed", "Tornado closes without an answer"
    ),
    "trailer": Case(
        chunked(body=b"0\r\nX-Trailer: a\r\n\r\n"),
        FINE,
        REFUSED,
        "Tornado knows no trailers; section 7.1.2 allows them",
    ),
    "Content-Length in the trailers": Case(chunked(body=b"0\r\nContent-Length: 5\r\n\r\n"), REFUSED),
    "Host in the trailers": Case(
        chunked(body=b"0\r\nHost: y\r\n\r\n"), FINE, REFUSED, "Tornado knows no trailers; here they are dropped"
    ),
    # Fields (section 5)
    "space before the colon": Case(post("Content-Length : 5", body=b"hello"), REFUSED),
    "tab before the colon": Case(post("Content-Length\t: 5", body=b"hello"), REFUSED),
    "space before the name": Case(post(" X: 1"), REFUSED),
    "folded line": Case(post("X: 1", "\t2"), REFUSED),
    "bare carriage return": Case(post("X: 1\r2"), REFUSED),
    "null": Case(post("X: 1\x002"), REFUSED),
    "field without a colon": Case(post("X"), REFUSED),
    "field without a name": Case(post(": 1"), REFUSED),
    "bytes beyond ASCII in a value": Case(post("X: \xe4\xff"), FINE),
    "bytes beyond ASCII in a name": Case(post("\xe4: 1"), REFUSED),
    "bare line feeds": Case(
        b"POST /healthz HTTP/1.1\nHost: x\n\n",
        REFUSED,
        FINE,
        "Tornado takes a line feed for the end of a line (section 2.2 allows both)",
    ),
    "15 KiB of headers": Case(post(f"X: {'x' * 15000}"), FINE),
    "40 KiB of headers": Case(post(f"X: {'x' * 40000}"), REFUSED, FINE, "Tornado allows 64 KiB"),
    "40 KiB of many headers": Case(
        post(*[f"X-{number}: {'x' * 30}" for number in range(1000)]), REFUSED, FINE, "Tornado allows 64 KiB"
    ),
    # The start line and the host (section 3)
    "no host": Case(post(host=""), REFUSED),
    "two hosts": Case(post("Host: y"), REFUSED),
    "equal hosts": Case(post("Host: x"), REFUSED),
    "list of hosts": Case(post(host="Host: x, y"), REFUSED),
    "host with a space": Case(post(host="Host: x y"), REFUSED),
    "host with a path": Case(post(host="Host: x/y"), REFUSED),
    "empty host": Case(post(host="Host:"), FINE),
    "IPv6 host": Case(post(host="Host: [::1]:80"), FINE),
    "HTTP/1.0": Case(post("Content-Length: 5", body=b"hello", start="POST /healthz HTTP/1.0"), "405 closed"),
    "HTTP/1.0 without a host": Case(post(start="POST /healthz HTTP/1.0", host=""), "405 closed"),
    "HTTP/1.0 that goes on": Case(
        post("Connection: keep-alive", start="POST /healthz HTTP/1.0"),
        FINE,
        "405 closed",
        "Tornado closes when such a request has no length",
    ),
    "Connection: close": Case(post("Connection: close"), "405 closed"),
    "HTTP/0.9": Case(b"GET /healthz\r\n", REFUSED),
    "HTTP/1.2": Case(post(start="POST /healthz HTTP/1.2"), REFUSED, "405 closed", "Tornado reads it as HTTP/1.0"),
    "HTTP/2.0": Case(post(start="POST /healthz HTTP/2.0"), REFUSED),
    "preface of HTTP/2": Case(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", REFUSED),
    "lower-case protocol": Case(post(start="POST /healthz http/1.1"), REFUSED),
    "lower-case method": Case(
        post(start="post /healthz HTTP/1.1"),
        REFUSED,
        FINE,
        "llhttp knows the registered methods only; both refuse this one",
    ),
    "made-up method": Case(
        post(start="FOO /healthz HTTP/1.1"),
        REFUSED,
        FINE,
        "llhttp knows the registered methods only; both refuse this one",
    ),
    "uncommon method": Case(post(start="PROPFIND /healthz HTTP/1.1"), FINE),
    "CONNECT": Case(
        post(start="CONNECT x:80 HTTP/1.1"),
        "405 closed",
        FINE,
        "Tornado goes on; here the connection might be a tunnel to its client",
    ),
    "absolute form": Case(b"GET http://x/healthz HTTP/1.1\r\nHost: x\r\n\r\n", "200 200"),
    "asterisk form": Case(post(start="OPTIONS * HTTP/1.1"), "404 200"),
    "target without a slash": Case(
        post(start="POST healthz HTTP/1.1"), REFUSED, "404 200", "Tornado does not check the form of a target"
    ),
    "UTF-8 in the target": Case(
        post(start="POST /\xc3\xa4 HTTP/1.1"), REFUSED, "404 200", "Tornado does not check the characters of a target"
    ),
    "two spaces after the method": Case(
        post(start="POST  /healthz HTTP/1.1"), FINE, REFUSED, "llhttp skips them; no reading of it differs"
    ),
    "space at the end of the start line": Case(post(start="POST /healthz HTTP/1.1 "), REFUSED),
    "space in the target": Case(post(start="POST /healthz x HTTP/1.1"), REFUSED),
    "tabs in the start line": Case(post(start="POST\t/healthz\tHTTP/1.1"), REFUSED),
    "empty lines before": Case(b"\r\n\r\n" + post(), FINE, REFUSED, "section 2.2 asks to ignore an empty line"),
    "TLS on the plain port": Case(bytes.fromhex("160301020001000001fc0303") + bytes(500), REFUSED),
    # Upgrade (RFC 9110 section 7.8): ignored, and the body is read
    "Upgrade": Case(post("Connection: Upgrade", "Upgrade: h2c"), FINE),
    "Upgrade with a body": Case(length(len(SMUGGLED), SMUGGLED, "Connection: Upgrade", "Upgrade: h2c"), FINE),
    "Upgrade with a body in pieces": Case(
        length(len(SMUGGLED), SMUGGLED, "Connection: Upgrade", "Upgrade: websocket"), FINE, parts=3
    ),
    "Upgrade with chunks": Case(
        chunked("Connection: Upgrade", "Upgrade: h2c", body=b"%x\r\n%b\r\n0\r\n\r\n" % (len(SMUGGLED), SMUGGLED)), FINE
    ),
    # Expect (RFC 9110 section 10.1.1)
    "Expect": Case(
        length(5, b"hello", "Expect: 100-continue"), FINE, "100 405 200", "Tornado sends 100 even if the body is there"
    ),
    "Expect in HTTP/1.0": Case(
        post("Expect: 100-continue", start="POST /healthz HTTP/1.0"),
        "405 closed",
        "100 405 closed",
        "HTTP/1.0 knows no interim answers",
    ),
    "Expect of something else": Case(length(5, b"hello", "Expect: more"), FINE),
    "Expect with too long a body": Case(
        length(LIMIT + 1, b"", "Expect: 100-continue"),
        "413 closed",
        "100",
        "Tornado asks for a body that is refused then",
    ),
    "Expect behind another request": Case(
        SECOND + length(5, b"hello", "Expect: 100-continue"),
        "200 405 200",
        "200 100 405 200",
        "Tornado sends 100 even if the body is there",
    ),
    # Bodies, pipelines, pieces
    "body of 64 KiB": Case(length(LIMIT, b"x" * LIMIT), FINE),
    "HEAD": Case(b"HEAD /nowhere HTTP/1.1\r\nHost: x\r\n\r\n", "404 200"),
    "100 requests in a row": Case(SECOND * 99, " ".join(["200"] * 100)),
    "a refusal behind two requests": Case(SECOND * 2 + b"nonsense\r\n\r\n", "200 200 400 closed"),
    "byte by byte": Case(chunked(body=b"5\r\nhello\r\n0\r\n\r\n"), FINE, parts=1000),
}
