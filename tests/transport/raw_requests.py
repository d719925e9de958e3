"""Requests as bytes: the syntax of HTTP/1.1 and its traps, each with a second request close behind it.

An outcome is the statuses of the answers in their order, then "closed" if the server closed the connection. The second
request shows what the server took for the end of the first.
"""

from typing import NamedTuple

SECOND = b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n"
SMUGGLED = b"DELETE /smuggled HTTP/1.1\r\nHost: x\r\n\r\n"  # in a body, where nobody may read it as a request
LIMIT = 64 * 1024  # bytes of a body


class Other(NamedTuple):
    """An outcome that is not llhttp's."""

    outcome: str
    why: str


class Case(NamedTuple):
    """Bytes of a client, and what becomes of them."""

    data: bytes
    llhttp: str
    tornado: Other | None = None
    """With `http.engine = "tornado"`, where it differs."""
    nginx: Other | None = None
    """Through nginx in front of llhttp, where it differs."""
    parts: int = 1
    """The number of pieces in which the bytes are sent."""


def post(*fields: str, body: bytes = b"", start: str = "POST /healthz HTTP/1.1", host: str = "Host: x") -> bytes:
    """A request that is answered 405 once its body is read, whatever that is."""
    lines = [start, *filter(None, [host]), *fields, "", ""]
    return "\r\n".join(lines).encode("latin-1") + body


def chunked(*fields: str, body: bytes = b"5\r\nhello\r\n0\r\n\r\n", coding: str = "chunked") -> bytes:
    """The same with a chunked body."""
    return post(f"Transfer-Encoding: {coding}", *fields, body=body)


def at_interface(request: bytes) -> bytes:
    """The same request to an interface that reads its body."""
    return request.replace(b"/healthz", b"/get_vod_sign")


def chunk(data: bytes) -> bytes:
    """A body of one chunk."""
    return b"%x\r\n%b\r\n0\r\n\r\n" % (len(data), data)


def length(value: object, body: bytes = b"hello", *fields: str) -> bytes:
    """The same with a Content-Length."""
    return post(f"Content-Length: {value}", *fields, body=body)


UPGRADE_WITH_BODY = length(len(SMUGGLED), SMUGGLED, "Connection: Upgrade", "Upgrade: h2c")
FINE = "405 200"
REFUSED = "400 closed"

# Where Tornado (T) and nginx 1.22 (N) differ in several cases.
T_LENGTHS = Other(FINE, "Tornado takes equal lengths for one (section 6.3 allows both)")
T_EXTENSIONS = Other(REFUSED, "Tornado knows no chunk extensions; section 7.1.1 asks to ignore them")
T_TRAILERS = Other(REFUSED, "Tornado knows no trailers; section 7.1.2 allows to drop them")
T_LINE_FEED = Other(FINE, "Tornado takes a line feed for the end of a line (section 2.2 allows both)")
T_SILENT = Other("closed", "Tornado closes without an answer")
T_64_KIB = Other(FINE, "Tornado allows 64 KiB")
T_TARGET = Other("404 200", "Tornado does not check the form of a target")
T_METHOD = Other(FINE, "llhttp knows the registered methods only; both refuse this one")
T_CHUNKS_IN_1_0 = Other("405 closed", "Tornado reads chunks in HTTP/1.0, then closes (section 6.1 allows both)")
T_GOES_ON = Other("404 200", "Tornado goes on; here the connection might be a tunnel to its client")
T_CONTINUES = Other("100 405 200", "Tornado sends 100 even if the body is there")
T_ASKS = Other("100", "Tornado asks for a body that is refused then")
N_CODING = Other("501 closed", "nginx answers 501 to every coding but chunked")
N_BODY = Other(FINE, "nginx is laxer about chunks and trailers; it sends the body on with a length of its own")
N_LINE_FEED = Other(FINE, "nginx takes a line feed for the end of a line, and sends proper ones on")
N_FIELD = Other(FINE, "nginx drops such a field")
N_STAYS = Other("400 200", "nginx sends it on; the refusal closes only its own connection to the server")
N_8_KIB = Other(REFUSED, "nginx allows 8 KiB for a field")
N_NO_TARGET = Other(REFUSED, "nginx refuses such a target")
N_VERSION = Other("505 closed", "nginx answers 505 to other versions")
N_START = Other(FINE, "nginx is laxer about the start line, and sends one of its own on")
N_CONTINUES = Other("100 405 200", "nginx asks for the body, even if it is there")
N_ASKS = Other("100", "nginx asks for the body, whatever its length")

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
    "equal lengths": Case(length(5, b"hello", "Content-Length: 5"), REFUSED, tornado=T_LENGTHS),
    "list of equal lengths": Case(length("5, 5"), REFUSED, tornado=T_LENGTHS),
    "length with a sign": Case(length("+5"), REFUSED),
    "length below 0": Case(length("-1"), REFUSED),
    "hexadecimal length": Case(length("0x5"), REFUSED),
    "length with an underscore": Case(length("0_5"), REFUSED),
    "empty length": Case(length(""), REFUSED),
    "length beyond 64 bits": Case(length(2**64 + 5), REFUSED),
    "length with a space inside": Case(length("1 5"), REFUSED),
    "length with spaces around": Case(
        length("  5 \t"), FINE, nginx=Other(REFUSED, "nginx takes spaces around a length, and no tab")
    ),
    # Chunks (section 7.1)
    "chunked": Case(chunked(), FINE),
    "chunked in capitals": Case(chunked(coding="CHUNKED"), FINE),
    "many chunks": Case(chunked(body=b"1\r\nh\r\n" * 9 + b"0\r\n\r\n"), FINE),
    "unknown coding": Case(chunked(coding="xchunked"), REFUSED, nginx=N_CODING),
    "chunked, then identity": Case(chunked(coding="chunked, identity"), REFUSED, nginx=N_CODING),
    "gzip, then chunked": Case(chunked(coding="gzip, chunked"), REFUSED, nginx=N_CODING),
    "chunked twice": Case(chunked("Transfer-Encoding: chunked"), REFUSED),
    "identity": Case(chunked(coding="identity"), REFUSED, nginx=N_CODING),
    "coding after a vertical tab": Case(chunked(coding="\x0bchunked"), REFUSED, nginx=N_CODING),
    "empty coding": Case(chunked(coding="", body=b""), REFUSED, nginx=N_CODING),
    "chunked with a parameter": Case(chunked(coding="chunked;a=b"), REFUSED, nginx=N_CODING),
    "chunked after a comma": Case(chunked(coding=",chunked"), REFUSED, nginx=N_CODING),
    "chunked in quotes": Case(chunked(coding='"chunked"'), REFUSED, nginx=N_CODING),
    "chunked with spaces around": Case(
        chunked(coding=" \tchunked\t "),
        REFUSED,
        tornado=Other(FINE, "llhttp takes nothing behind the coding, though section 5.1 allows white space"),
        nginx=N_CODING,
    ),
    "chunked on a folded line": Case(chunked(coding="\r\n chunked"), REFUSED),
    "coding and an underscore": Case(post("Transfer_Encoding: chunked"), FINE),
    "chunked in HTTP/1.0": Case(post("Transfer-Encoding: chunked", start="POST /healthz HTTP/1.0"), REFUSED),
    "chunk size with 0x": Case(chunked(body=b"0x5\r\nhello\r\n0\r\n\r\n"), REFUSED),
    "chunk size with a sign": Case(chunked(body=b"+5\r\nhello\r\n0\r\n\r\n"), REFUSED),
    "chunk size below 0": Case(chunked(body=b"-1\r\nhello\r\n0\r\n\r\n"), REFUSED),
    "chunk size and a space": Case(chunked(body=b"5 \r\nhello\r\n0\r\n\r\n"), REFUSED, nginx=N_BODY),
    "chunk size beyond 64 bits": Case(chunked(body=b"10000000000000005\r\nhello\r\n0\r\n\r\n"), REFUSED),
    "chunk longer than its size": Case(chunked(body=b"5\r\nhello!\r\n0\r\n\r\n"), REFUSED),
    "chunk shorter than its size": Case(chunked(body=b"6\r\nhello\r\n0\r\n\r\n"), REFUSED, nginx=N_BODY),
    "chunk ended by a line feed": Case(chunked(body=b"5\r\nhello\n0\r\n\r\n"), REFUSED, nginx=N_BODY),
    "chunk without an end": Case(chunked(body=b"5\r\nhello0\r\n\r\n"), REFUSED),
    "chunk without a size": Case(chunked(body=b"\r\nhello\r\n0\r\n\r\n"), REFUSED),
    "chunk size with zeros": Case(chunked(body=b"00005\r\nhello\r\n00\r\n\r\n"), FINE),
    "chunk size after a space": Case(chunked(body=b" 5\r\nhello\r\n0\r\n\r\n"), REFUSED),
    "chunk size of twenty zeros": Case(chunked(body=b"0" * 20 + b"5\r\nhello\r\n0\r\n\r\n"), FINE),
    "last chunk and a line feed": Case(chunked(body=b"5\r\nhello\r\n0\r\n\n"), REFUSED, nginx=N_BODY),
    "chunk extension in quotes": Case(chunked(body=b'5;a="b c"\r\nhello\r\n0\r\n\r\n'), FINE, tornado=T_EXTENSIONS),
    "chunk extension with a carriage return": Case(chunked(body=b"5;a\rb\r\nhello\r\n0\r\n\r\n"), REFUSED),
    "chunk with bare line feeds": Case(chunked(body=b"5\nhello\n0\n\n"), REFUSED, nginx=N_BODY),
    "chunk extension": Case(chunked(body=b"5;a=b\r\nhello\r\n0\r\n\r\n"), FINE, tornado=T_EXTENSIONS),
    "chunk extension with a line feed": Case(chunked(body=b"5;a=b\nhello\r\n0\r\n\r\n"), REFUSED, nginx=N_BODY),
    "endless chunk extension": Case(chunked(body=b"5;" + b"a" * 40000), REFUSED, tornado=T_SILENT),
    "trailer": Case(chunked(body=b"0\r\nX-Trailer: a\r\n\r\n"), FINE, tornado=T_TRAILERS),
    "Transfer-Encoding in the trailers": Case(
        chunked(body=b"0\r\nTransfer-Encoding: chunked\r\n\r\n"), REFUSED, nginx=N_BODY
    ),
    "Connection: close in the trailers": Case(
        chunked(body=b"0\r\nConnection: close\r\n\r\n"), "405 400 closed", tornado=T_TRAILERS, nginx=N_BODY
    ),
    "trailers of 40 KiB": Case(chunked(body=b"0\r\nX: " + b"x" * 40000 + b"\r\n\r\n"), REFUSED, nginx=N_BODY),
    "folded trailer": Case(chunked(body=b"0\r\nX: 1\r\n 2\r\n\r\n"), REFUSED, nginx=N_BODY),
    "Content-Length in the trailers": Case(chunked(body=b"0\r\nContent-Length: 5\r\n\r\n"), REFUSED, nginx=N_BODY),
    "Host in the trailers": Case(chunked(body=b"0\r\nHost: y\r\n\r\n"), FINE, tornado=T_TRAILERS),
    # Fields (section 5)
    "space before the colon": Case(post("Content-Length : 5", body=b"hello"), REFUSED),
    "tab before the colon": Case(post("Content-Length\t: 5", body=b"hello"), REFUSED),
    "space before the name": Case(post(" X: 1"), REFUSED),
    "folded line": Case(post("X: 1", "\t2"), REFUSED),
    "bare carriage return": Case(post("X: 1\r2"), REFUSED),
    "null": Case(post("X: 1\x002"), REFUSED),
    "null in a name": Case(post("X\x00: 1"), REFUSED),
    "control character": Case(post("X: 1\x012"), REFUSED, nginx=N_STAYS),
    "carriage return and bare line feed": Case(
        b"POST /healthz HTTP/1.1\r\nHost: x\r\n\n", REFUSED, tornado=T_LINE_FEED, nginx=N_LINE_FEED
    ),
    "one bare line feed": Case(
        b"POST /healthz HTTP/1.1\r\nX: 1\nHost: x\r\n\r\n", REFUSED, tornado=T_LINE_FEED, nginx=N_LINE_FEED
    ),
    "length in a bare line feed": Case(
        post("X: 1\nContent-Length: 38", body=SMUGGLED), REFUSED, tornado=T_LINE_FEED, nginx=N_LINE_FEED
    ),
    "length behind a bare carriage return": Case(post("X: 1\rContent-Length: 38", body=SMUGGLED), REFUSED),
    "end of headers in bare carriage returns": Case(b"POST /healthz HTTP/1.1\r\nHost: x\r\r", REFUSED),
    "folded first line": Case(b"POST /healthz HTTP/1.1\r\n Host: x\r\n\r\n", REFUSED),
    "field without a colon": Case(post("X"), REFUSED, nginx=N_FIELD),
    "field without a name": Case(post(": 1"), REFUSED),
    "bytes beyond ASCII in a value": Case(post("X: \xe4\xff"), FINE),
    "bytes beyond ASCII in a name": Case(post("\xe4: 1"), REFUSED, nginx=N_FIELD),
    "bare line feeds": Case(b"POST /healthz HTTP/1.1\nHost: x\n\n", REFUSED, tornado=T_LINE_FEED, nginx=N_LINE_FEED),
    "15 KiB of headers": Case(post(f"X: {'x' * 15000}"), FINE, nginx=N_8_KIB),
    "endless header": Case(post()[:-2] + b"X: " + b"x" * 200_000, REFUSED, tornado=T_SILENT),
    "endless name": Case(post()[:-2] + b"x" * 200_000, REFUSED, tornado=T_SILENT),
    "endless target": Case(
        b"POST /" + b"x" * 200_000,
        REFUSED,
        tornado=T_SILENT,
        nginx=Other("414 closed", "nginx answers 414 to a long target"),
    ),
    "endless empty lines": Case(b"\r\n" * 20_000, REFUSED, nginx=Other("200", "nginx skips empty lines, however many")),
    "40 KiB of headers": Case(post(f"X: {'x' * 40000}"), REFUSED, tornado=T_64_KIB),
    "40 KiB of headers behind another request": Case(
        SECOND + post(f"X: {'x' * 40000}"), "200 400 closed", tornado=Other("200 405 200", T_64_KIB.why)
    ),
    "40 KiB of many headers": Case(
        post(*[f"X-{number}: {'x' * 30}" for number in range(1000)]), REFUSED, tornado=T_64_KIB
    ),
    # The start line and the host (section 3)
    "no host": Case(post(host=""), REFUSED),
    "two hosts": Case(post("Host: y"), REFUSED),
    "equal hosts": Case(post("Host: x"), REFUSED),
    "list of hosts": Case(post(host="Host: x, y"), REFUSED),
    "host with a space": Case(post(host="Host: x y"), REFUSED),
    "host with a path": Case(post(host="Host: x/y"), REFUSED),
    "empty host": Case(post(host="Host:"), FINE, nginx=Other(REFUSED, "nginx takes no empty host")),
    "IPv6 host": Case(post(host="Host: [::1]:80"), FINE),
    "HTTP/1.0": Case(post("Content-Length: 5", body=b"hello", start="POST /healthz HTTP/1.0"), "405 closed"),
    "HTTP/1.0 without a host": Case(post(start="POST /healthz HTTP/1.0", host=""), "405 closed"),
    "HTTP/1.0 that goes on": Case(
        post("Connection: keep-alive", start="POST /healthz HTTP/1.0"),
        FINE,
        tornado=Other("405 closed", "Tornado closes when such a request has no length"),
    ),
    "Connection: close": Case(post("Connection: close"), "405 closed"),
    "HTTP/0.9": Case(b"GET /healthz\r\n", REFUSED, nginx=Other("headless closed", "nginx answers HTTP/0.9")),
    "HTTP/1.2": Case(
        post(start="POST /healthz HTTP/1.2"),
        REFUSED,
        tornado=Other("405 closed", "Tornado reads it as HTTP/1.0"),
        nginx=N_START,
    ),
    "HTTP/2.0": Case(post(start="POST /healthz HTTP/2.0"), REFUSED, nginx=N_VERSION),
    "preface of HTTP/2": Case(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", REFUSED),
    "lower-case protocol": Case(post(start="POST /healthz http/1.1"), REFUSED),
    "lower-case method": Case(post(start="post /healthz HTTP/1.1"), REFUSED, tornado=T_METHOD),
    "made-up method": Case(post(start="FOO /healthz HTTP/1.1"), REFUSED, tornado=T_METHOD, nginx=N_STAYS),
    "uncommon method": Case(post(start="PROPFIND /healthz HTTP/1.1"), FINE),
    "CONNECT": Case(post(start="CONNECT x:80 HTTP/1.1"), "404 closed", tornado=T_GOES_ON, nginx=N_NO_TARGET),
    "absolute form": Case(b"GET http://x/healthz HTTP/1.1\r\nHost: x\r\n\r\n", "200 200"),
    "absolute form of another host": Case(b"GET https://y:8/healthz HTTP/1.1\r\nHost: x\r\n\r\n", "200 200"),
    "absolute form without a path": Case(post(start="POST http://x HTTP/1.1"), "404 200"),
    "absolute form of another scheme": Case(post(start="POST ftp://x/healthz HTTP/1.1"), "404 200", nginx=N_START),
    "absolute form without a host": Case(post(start="POST http:///healthz HTTP/1.1"), "404 200", nginx=N_NO_TARGET),
    "authority form": Case(post(start="POST x:80 HTTP/1.1"), REFUSED, tornado=T_TARGET),
    "asterisk of a POST": Case(post(start="POST * HTTP/1.1"), "404 200", nginx=N_NO_TARGET),
    "control character in the target": Case(post(start="POST /\x01 HTTP/1.1"), REFUSED),
    "null in the target": Case(post(start="POST /\x00 HTTP/1.1"), REFUSED),
    "fragment in the target": Case(post(start="POST /healthz#x HTTP/1.1"), "404 200"),
    "two slashes": Case(post(start="POST //healthz HTTP/1.1"), "404 200"),
    "empty target": Case(post(start="POST HTTP/1.1"), REFUSED),
    "RTSP": Case(
        post(start="DESCRIBE /healthz RTSP/1.0"),
        "405 closed",
        tornado=Other(REFUSED, "llhttp knows RTSP too, and httptools does not tell the protocol; it is read as HTTP"),
        nginx=Other(REFUSED, "nginx refuses other protocols"),
    ),
    "RTSP of a POST": Case(
        post(start="POST /healthz RTSP/1.1"),
        FINE,
        tornado=Other(REFUSED, "llhttp knows RTSP too, and httptools does not tell the protocol; it is read as HTTP"),
        nginx=Other(REFUSED, "nginx refuses other protocols"),
    ),
    "Icecast": Case(
        post(start="SOURCE /healthz ICE/1.0"),
        "405 closed",
        tornado=Other(
            REFUSED, "llhttp knows Icecast too, and httptools does not tell the protocol; it is read as HTTP"
        ),
        nginx=Other(REFUSED, "nginx refuses other protocols"),
    ),
    "method of RTSP": Case(post(start="DESCRIBE /healthz HTTP/1.1"), REFUSED, tornado=T_METHOD, nginx=N_STAYS),
    "method with a sign": Case(post(start="GE-T /healthz HTTP/1.1"), REFUSED, tornado=T_METHOD, nginx=N_STAYS),
    "version of three digits": Case(post(start="POST /healthz HTTP/1.11"), REFUSED, nginx=N_START),
    "version without a point": Case(post(start="POST /healthz HTTP/1"), REFUSED),
    "user in the host": Case(post(host="Host: a@x"), REFUSED, nginx=N_STAYS),
    "host with bytes beyond ASCII": Case(post(host="Host: \xe4"), REFUSED, nginx=N_STAYS),
    "HTTP/1.0 with two hosts": Case(post("Host: y", start="POST /healthz HTTP/1.0"), REFUSED),
    "HTTP/1.0 with length that goes on": Case(
        length(5).replace(b"HTTP/1.1", b"HTTP/1.0").replace(b"Host", b"Connection: keep-alive\r\nHost"), FINE
    ),
    "asterisk form": Case(post(start="OPTIONS * HTTP/1.1"), "404 200", nginx=N_NO_TARGET),
    "target without a slash": Case(post(start="POST healthz HTTP/1.1"), REFUSED, tornado=T_TARGET),
    "UTF-8 in the target": Case(post(start="POST /\xc3\xa4 HTTP/1.1"), REFUSED, tornado=T_TARGET, nginx=N_STAYS),
    "two spaces after the method": Case(
        post(start="POST  /healthz HTTP/1.1"),
        FINE,
        tornado=Other(REFUSED, "llhttp skips them; no reading of it differs"),
    ),
    "space at the end of the start line": Case(post(start="POST /healthz HTTP/1.1 "), REFUSED, nginx=N_START),
    "space in the target": Case(post(start="POST /healthz x HTTP/1.1"), REFUSED),
    "tabs in the start line": Case(post(start="POST\t/healthz\tHTTP/1.1"), REFUSED),
    "empty lines before": Case(
        b"\r\n\r\n" + post(), FINE, tornado=Other(REFUSED, "section 2.2 asks to ignore an empty line")
    ),
    "TLS on the plain port": Case(bytes.fromhex("160301020001000001fc0303") + bytes(500), REFUSED),
    # Upgrade (RFC 9110 section 7.8): ignored, and the body is read
    "Upgrade": Case(post("Connection: Upgrade", "Upgrade: h2c"), FINE),
    "Upgrade with a body": Case(length(len(SMUGGLED), SMUGGLED, "Connection: Upgrade", "Upgrade: h2c"), FINE),
    "Upgrade with a body in pieces": Case(
        length(len(SMUGGLED), SMUGGLED, "Connection: Upgrade", "Upgrade: websocket"), FINE, parts=3
    ),
    "Upgrade with chunks": Case(chunked("Connection: Upgrade", "Upgrade: h2c", body=chunk(SMUGGLED)), FINE),
    "Upgrade with chunks in pieces": Case(
        chunked("Connection: Upgrade", "Upgrade: h2c", body=chunk(SMUGGLED)), FINE, parts=3
    ),
    "Upgrade with chunks in a row": Case(
        SECOND + chunked("Connection: Upgrade", "Upgrade: h2c", body=chunk(SMUGGLED)) * 2, "200 405 405 200"
    ),
    "Upgrade behind a body": Case(length(5) + UPGRADE_WITH_BODY, "405 405 200"),
    "Upgrade behind a CONNECT": Case(
        post(start="CONNECT x:80 HTTP/1.1") + UPGRADE_WITH_BODY,
        "404 closed",
        Other("404 405 200", T_GOES_ON.why),
        N_NO_TARGET,
    ),
    "CONNECT behind another request": Case(
        SECOND + post(start="CONNECT x:80 HTTP/1.1"),
        "200 404 closed",
        tornado=Other("200 404 200", T_GOES_ON.why),
        nginx=Other("200 400 closed", N_NO_TARGET.why),
    ),
    "Upgrade with a body in a row": Case(SECOND + UPGRADE_WITH_BODY + UPGRADE_WITH_BODY, "200 405 405 200"),
    "Upgrade with a body behind a slow start": Case(
        SECOND + UPGRADE_WITH_BODY + UPGRADE_WITH_BODY, "200 405 405 200", parts=40
    ),
    "Upgrade of a tunnel": Case(
        length(len(SMUGGLED), SMUGGLED, "Connection: keep-alive, Upgrade", "UPGRADE: websocket", "Upgrade: h2c"), FINE
    ),
    "Upgrade without Connection": Case(length(len(SMUGGLED), SMUGGLED, "Upgrade: h2c"), FINE),
    "Upgrade and close": Case(
        length(len(SMUGGLED), SMUGGLED, "Connection: Upgrade, close", "Upgrade: h2c"),
        "405 closed",
        tornado=Other(FINE, "Tornado knows close only alone in its field"),
    ),
    "Upgrade in HTTP/1.0": Case(
        post("Connection: Upgrade", "Upgrade: h2c", start="POST /healthz HTTP/1.0"), "405 closed"
    ),
    "Upgrade in HTTP/1.0 with chunks": Case(
        post(
            "Transfer-Encoding: chunked",
            "Connection: Upgrade",
            "Upgrade: h2c",
            start="POST /healthz HTTP/1.0",
            body=chunk(SMUGGLED),
        ),
        REFUSED,
        tornado=T_CHUNKS_IN_1_0,
    ),
    "Upgrade in HTTP/1.0 that goes on": Case(
        post("Connection: keep-alive, Upgrade", "Upgrade: h2c", "Content-Length: 0", start="POST /healthz HTTP/1.0"),
        FINE,
        tornado=Other("405 closed", "Tornado knows keep-alive only alone in its field"),
    ),
    "Upgrade in HTTP/1.0 that goes on, with chunks": Case(
        post(
            "Transfer-Encoding: chunked",
            "Connection: keep-alive, Upgrade",
            "Upgrade: h2c",
            start="POST /healthz HTTP/1.0",
            body=chunk(SMUGGLED),
        ),
        REFUSED,
        tornado=T_CHUNKS_IN_1_0,
    ),
    "Upgrade in HTTP/2.0": Case(
        post("Connection: Upgrade", "Upgrade: h2c", start="POST /healthz HTTP/2.0"), REFUSED, nginx=N_VERSION
    ),
    "Upgrade without a host": Case(post("Connection: Upgrade", "Upgrade: h2c", host=""), REFUSED),
    "Upgrade with two lengths": Case(
        length(5, b"hello", "Content-Length: 6", "Connection: Upgrade", "Upgrade: h2c"), REFUSED
    ),
    "Upgrade with length and chunked": Case(
        length(len(SMUGGLED), SMUGGLED, "Transfer-Encoding: chunked", "Connection: Upgrade", "Upgrade: h2c"), REFUSED
    ),
    "Upgrade with gzip and chunked": Case(
        chunked("Connection: Upgrade", "Upgrade: h2c", body=chunk(SMUGGLED), coding="gzip, chunked"),
        REFUSED,
        nginx=N_CODING,
    ),
    "Upgrade with Expect": Case(
        length(len(SMUGGLED), SMUGGLED, "Expect: 100-continue", "Connection: Upgrade", "Upgrade: h2c"),
        FINE,
        tornado=T_CONTINUES,
        nginx=N_CONTINUES,
    ),
    "Upgrade with Expect and too long a body": Case(
        length(LIMIT + 1, b"", "Expect: 100-continue", "Connection: Upgrade", "Upgrade: h2c"),
        "413 closed",
        tornado=T_ASKS,
        nginx=N_ASKS,
    ),
    "Upgrade with 15 KiB of headers": Case(
        length(len(SMUGGLED), SMUGGLED, "Connection: Upgrade", "Upgrade: h2c", f"X: {'x' * 15000}"), FINE, nginx=N_8_KIB
    ),
    "Upgrade with 40 KiB of headers": Case(
        length(len(SMUGGLED), SMUGGLED, "Connection: Upgrade", "Upgrade: h2c", f"X: {'x' * 40000}"),
        REFUSED,
        tornado=T_64_KIB,
    ),
    "Upgrade with too long a body": Case(
        at_interface(length(LIMIT + 1, b"x" * (LIMIT + 1), "Connection: Upgrade", "Upgrade: h2c")), "413 200"
    ),
    "Upgrade byte by byte": Case(UPGRADE_WITH_BODY, FINE, parts=1000),
    "Upgrade of a CONNECT": Case(
        post(
            f"Content-Length: {len(SMUGGLED)}",
            "Connection: Upgrade",
            "Upgrade: h2c",
            start="CONNECT x:80 HTTP/1.1",
            body=SMUGGLED,
        ),
        "404 closed",
        tornado=T_GOES_ON,
        nginx=N_NO_TARGET,
    ),
    "Upgrade of a HEAD": Case(
        b"HEAD /nowhere HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n", "404 200"
    ),
    "Upgrade in the trailers": Case(
        chunked(body=b"0\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n"), FINE, tornado=T_TRAILERS
    ),
    # Expect (RFC 9110 section 10.1.1)
    "Expect": Case(length(5, b"hello", "Expect: 100-continue"), FINE, tornado=T_CONTINUES, nginx=N_CONTINUES),
    "Expect in HTTP/1.0": Case(
        post("Expect: 100-continue", start="POST /healthz HTTP/1.0"),
        "405 closed",
        tornado=Other("100 405 closed", "HTTP/1.0 knows no interim answers"),
    ),
    "Expect of something else": Case(length(5, b"hello", "Expect: more"), FINE),
    "Expect without the body": Case(length(5 + len(SECOND), b"", "Expect: 100-continue"), "100"),
    "Expect, chunked": Case(
        chunked("Expect: 100-continue", body=b""),
        REFUSED,
        tornado=Other("100 400 closed", T_CONTINUES.why),
        nginx=Other("100 400 closed", N_CONTINUES.why),
    ),
    "Expect with too long a body": Case(
        length(LIMIT + 1, b"", "Expect: 100-continue"), "413 closed", tornado=T_ASKS, nginx=N_ASKS
    ),
    "Expect behind another request": Case(
        SECOND + length(5, b"hello", "Expect: 100-continue"),
        "200 405 200",
        tornado=Other("200 100 405 200", T_CONTINUES.why),
        nginx=Other("200 100 405 200", N_CONTINUES.why),
    ),
    # Bodies, pipelines, pieces
    "body of 64 KiB": Case(length(LIMIT, b"x" * LIMIT), FINE),
    "body of 64 KiB and a byte": Case(at_interface(length(LIMIT + 1, b"x" * (LIMIT + 1))), "413 200"),
    "chunk of 64 KiB and a byte": Case(at_interface(chunked(body=chunk(b"x" * (LIMIT + 1)))), "413 200"),
    "chunks of 100 KiB": Case(
        at_interface(chunked(body=b"400\r\n%b\r\n" % (b"x" * 1024) * 100 + b"0\r\n\r\n")), "413 200"
    ),
    "refused body in a row": Case(at_interface(length(LIMIT + 1, SMUGGLED.ljust(LIMIT + 1, b"x"))) * 2, "413 413 200"),
    "body that is not there": Case(length(5 + len(SECOND), b"hello"), "405"),
    "chunks that do not end": Case(chunked(body=b"5\r\nhello\r\n"), REFUSED),
    "refused chunk behind two requests": Case(
        SECOND * 2 + chunked(body=b"0x5\r\nhello\r\n0\r\n\r\n"), "200 200 400 closed"
    ),
    "refused length behind two requests": Case(SECOND * 2 + length("+5"), "200 200 400 closed"),
    # A part of 4 KiB is read at once. The rest is read while the refusal of the first request is still being handled.
    "refused host behind a refusal": Case(post() + length(5000, b"x" * 5000) + post(host=""), "405 405 400 closed"),
    "refused coding behind a refusal": Case(
        post() + length(5000, b"x" * 5000) + chunked(coding="identity"),
        "405 405 400 closed",
        nginx=Other("405 405 501 closed", N_CODING.why),
    ),
    "refused length behind a refusal": Case(
        post() + length(5000, b"x" * 5000) + length(LIMIT + 1, b"", "Expect: 100-continue"),
        "405 405 413 closed",
        tornado=Other("405 405 100", T_ASKS.why),
        nginx=Other("405 405 100", N_ASKS.why),
    ),
    "refused host behind two requests": Case(SECOND * 2 + post(host=""), "200 200 400 closed"),
    "close behind two requests": Case(SECOND * 2 + post("Connection: close"), "200 200 405 closed"),
    "HEAD": Case(b"HEAD /nowhere HTTP/1.1\r\nHost: x\r\n\r\n", "404 200"),
    "HEAD with a body": Case(b"HEAD /nowhere HTTP/1.1\r\nHost: x\r\nContent-Length: 38\r\n\r\n" + SMUGGLED, "404 200"),
    "GET with a body": Case(b"GET /nowhere HTTP/1.1\r\nHost: x\r\nContent-Length: 38\r\n\r\n" + SMUGGLED, "404 200"),
    "GET with chunks": Case(
        post("Transfer-Encoding: chunked", start="GET /nowhere HTTP/1.1", body=chunk(SMUGGLED)), "404 200"
    ),
    "100 requests in a row": Case(SECOND * 99, " ".join(["200"] * 100)),
    "a refusal behind two requests": Case(SECOND * 2 + b"nonsense\r\n\r\n", "200 200 400 closed"),
    "byte by byte": Case(chunked(body=b"5\r\nhello\r\n0\r\n\r\n"), FINE, parts=1000),
}
