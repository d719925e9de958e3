"""HTTP/1.1 between a connection and Tornado's handlers. Sections are those of RFC 9112, unless another is named.

The parser is llhttp, that of Node: it checks the syntax of requests and tells where they end (sections 2 to 7).
"""

import asyncio
import math
from dataclasses import dataclass

import structlog
from httptools import HttpParserCallbackError, HttpParserError, HttpParserUpgrade, HttpRequestParser
from tornado.httputil import (
    HTTPConnection,
    HTTPHeaders,
    HTTPInputError,
    HTTPMessageDelegate,
    HTTPOutputError,
    RequestStartLine,
    ResponseStartLine,
)

from handlers.transport.application import MAX_BODY, Application, MalformedRequest
from handlers.transport.connections import Connection, Connections
from handlers.transport.headers import Headers
from services.errors import Code, ServiceError

log = structlog.get_logger()

HEADERS_TIMEOUT_S = 75  # for the headers of the next request to arrive
BODY_TIMEOUT_S = 15  # for a body to arrive
ANSWER_TIMEOUT_S = 60  # for an answer to be read: until then it is in memory
_MAX_FRUITLESS_BYTES = 16 * 1024  # of headers, trailers or chunk extensions; whole parts are counted
_PART_BYTES = 4 * 1024  # parsed at once: so many pipelined requests get objects before the first is served
_VERSIONS = {"1.1": "HTTP/1.1", "1.0": "HTTP/1.0"}


@dataclass(slots=True, eq=False)
class _Exchange:
    """A request and its answer. The defaults are those of a request that could not be read."""

    delegate: HTTPMessageDelegate
    method: str = ""
    version: str = "HTTP/1.1"
    keep_alive: bool = False
    expects_continue: bool = False
    chunked: bool = False
    remaining: int | None = None  # bytes of the answer's body to be written, if its length is known
    finished: bool = False


class Http1Connection(Connection, HTTPConnection):
    """Requests come in, answers leave in the same order (section 9.3.2).

    One request is served at a time; what the client sends meanwhile waits, and no more is read. A request is in one of
    three places: `_arriving` until it has its end, `_ready` until its turn comes, `_serving` until its answer is sent.
    """

    def __init__(self, application: Application, connections: Connections) -> None:
        super().__init__(connections)
        self._application = application
        self._parser = HttpRequestParser(self)
        self._target = b""
        self._headers = Headers()
        self._fruitless = 0  # bytes parsed since the last end of headers, part of a body or end of a request
        self._cause: Exception | None = None  # why a callback has ended the parsing
        self._arriving: _Exchange | None = None
        self._ready: list[_Exchange] = []
        self._serving: _Exchange | None = None
        self._rest = b""  # received, but not parsed

    @property
    def in_flight(self) -> bool:  # type: ignore[override]
        return self._serving is not None or self._arriving is not None or bool(self._ready)

    @property
    def phase(self) -> str:  # type: ignore[override]
        if self._closing:
            return "closing"
        if self._serving is not None:
            return "answer" if self._serving.finished else "served"
        return "body" if self.in_flight else "headers"

    # The transport: asyncio.Protocol

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        self._expect(HEADERS_TIMEOUT_S)

    def data_received(self, data: bytes) -> None:
        if self._closing:
            return  # the client did not know yet
        if self._serving is None:
            self._parse(data)
        else:
            self._rest += data
            self._pause_reading()

    def eof_received(self) -> bool:
        """The client sends no more, and may still read. Under TLS the transport closes both directions."""
        self._half_closed = True
        if self._close_callback is not None:
            self._close_callback()  # most clients, and proxies for theirs, leave in this way
        return self._serving is not None and not self._closing and not self._tls

    def resume_writing(self) -> None:
        super().resume_writing()
        self._go_on_when_sent()

    def connection_lost(self, error: Exception | None) -> None:
        super().connection_lost(error)
        self._ready.clear()
        self._abandon_arriving()
        del self._parser  # it refers to this object
        if self._serving is None or self._serving.finished:  # otherwise a handler still runs, and a stop waits for it
            self._forget()

    # Requests

    def _parse(self, data: bytes) -> None:
        """Parse as far as the end of a request, and serve it. The rest waits for its answer."""
        parsed = 0
        while parsed < len(data) and not self._ready and not self._closing:
            part = data[parsed : parsed + _PART_BYTES]
            parsed += len(part)
            self._fruitless += len(part)
            try:
                self._parser.feed_data(part)
                if self._fruitless > _MAX_FRUITLESS_BYTES:
                    raise HttpParserError("too long headers, trailers or chunk extensions")
            except HttpParserUpgrade as upgrade:
                data = self._without_upgrade() + part[upgrade.args[0] :] + data[parsed:]
                parsed = 0
            except HttpParserError as error:
                self._refuse(error)
        self._rest = data[parsed:]
        if self._rest:
            self._pause_reading()
        self._serve_next()

    def on_message_begin(self) -> None:
        self._target = b""
        self._headers = Headers()

    def on_url(self, part: bytes) -> None:
        self._target += part

    def on_header(self, name: bytes, value: bytes) -> None:
        if self._arriving is None:  # a trailer is no header: it is dropped (section 7.1.2)
            self._headers.add(name.decode("latin-1"), value.decode("latin-1").rstrip(" \t"))

    def on_headers_complete(self) -> None:
        try:
            self._begin_request()
        except Exception as error:
            self._cause = error
            raise

    def _begin_request(self) -> None:
        self._fruitless = 0
        method = self._parser.get_method().decode()
        if self._parser.should_upgrade() and method != "CONNECT":
            return  # they come again without Upgrade
        version = _VERSIONS.get(self._parser.get_http_version(), "")
        if not version:  # section 2.3
            raise HTTPInputError("neither HTTP/1.0 nor HTTP/1.1")
        coding = self._headers.get("Transfer-Encoding")
        if coding is not None and (coding.lower() != "chunked" or version == "HTTP/1.0"):  # section 6.1
            raise HTTPInputError("Transfer-Encoding is not chunked, or not of HTTP/1.1")
        delegate = self._application.start_request(self, self)
        delegate.headers_received(RequestStartLine(method, self._target.decode("latin-1"), version), self._headers)
        keep_alive = self._parser.should_keep_alive() and method != "CONNECT"  # section 9.3
        expects_continue = version == "HTTP/1.1" and self._headers.get("Expect", "").lower() == "100-continue"
        if expects_continue and int(self._headers.get("Content-Length", 0)) > MAX_BODY:
            raise ServiceError(Code.BODY_TOO_LARGE, f"the body is longer than {MAX_BODY} bytes")
        self._arriving = _Exchange(delegate, method, version, keep_alive, expects_continue)
        self._expect(BODY_TIMEOUT_S)

    def on_body(self, part: bytes) -> None:
        self._fruitless = 0
        assert self._arriving is not None
        self._arriving.delegate.data_received(part)

    def on_message_complete(self) -> None:
        self._fruitless = 0
        if self._arriving is not None:
            self._ready.append(self._arriving)
            self._arriving = None

    def _without_upgrade(self) -> bytes:
        """The headers once more, without the Upgrade that we ignore (RFC 9110 section 7.8).

        The parser takes what follows for another protocol. Served as a request, a body could smuggle in another one.
        """
        method, version = self._parser.get_method().decode(), self._parser.get_http_version()
        if method == "CONNECT":  # nothing is read after it
            return b""
        self._parser = HttpRequestParser(self)  # the old one reads nothing after a Connection: close
        fields = "".join(f"{name}: {value}\r\n" for name, value in self._headers.get_all() if name != "Upgrade")
        return f"{method} {self._target.decode('latin-1')} HTTP/{version}\r\n{fields}\r\n".encode("latin-1")

    def _refuse(self, error: HttpParserError) -> None:
        """Answer in the request's turn, then close: nobody knows where the next one begins (section 2.2)."""
        if self._ready and not self._ready[-1].keep_alive:
            return  # what follows a last request is no request (section 9.6)
        # Not its __context__: Python replaces that when the rest is parsed while a refusal is being handled.
        cause = self._cause if isinstance(error, HttpParserCallbackError) else error
        if isinstance(cause, HttpParserError | HTTPInputError):
            cause = MalformedRequest(str(cause))
        self._abandon_arriving()
        if isinstance(cause, ServiceError):
            self._ready.append(_Exchange(self._application.refusal(self, cause)))
        else:
            log.error("request not read", exc_info=error)
            self.abort()

    def _abandon_arriving(self) -> None:
        if self._arriving is not None:
            self._arriving.delegate.on_connection_close()
            self._arriving = None

    def _serve_next(self) -> None:
        if self._ready:
            self._serving = self._ready.pop(0)
            self.deadline = math.inf  # the time is the server's
            try:
                self._serving.delegate.finish()
            except Exception:
                log.exception("request not served")
                self._fail()
        elif self._arriving is not None and self._arriving.expects_continue:  # RFC 9110 section 10.1.1
            self._arriving.expects_continue = False
            self._writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")

    # Answers: tornado.httputil.HTTPConnection

    def write_headers(
        self, start_line: RequestStartLine | ResponseStartLine, headers: HTTPHeaders, chunk: bytes | None = None
    ) -> asyncio.Future[None]:
        """Write the status line, the headers and the first part of the body."""
        assert isinstance(start_line, ResponseStartLine)
        assert self._serving is not None
        exchange = self._serving
        length = headers.get("Content-Length")
        if exchange.method == "HEAD" or start_line.code in (204, 304):
            exchange.remaining = 0  # no body, whatever the length says (section 6.3)
        elif length is not None:
            exchange.remaining = int(length)
        elif exchange.version == "HTTP/1.1":
            exchange.chunked = True
            headers["Transfer-Encoding"] = "chunked"
        else:
            exchange.keep_alive = False  # the end of the connection ends the body (section 6.3)
        if self._application.draining and not (self._ready or self._rest or self._arriving):
            exchange.keep_alive = False
        if not exchange.keep_alive:
            headers["Connection"] = "close"
        elif exchange.version == "HTTP/1.0":
            headers["Connection"] = "keep-alive"
        lines = [f"{name}: {value}" for name, value in headers.get_all()]
        head = "\r\n".join([f"HTTP/1.1 {start_line.code} {start_line.reason}", *lines, "", ""])
        if not head.count("\n") == head.count("\r") == len(lines) + 2:
            raise HTTPOutputError("a header holds a line break")
        return self._write(head.encode("latin-1"), chunk)

    def write(self, chunk: bytes) -> asyncio.Future[None]:
        """Write a part of the body."""
        return self._write(b"", chunk)

    def finish(self) -> None:
        """The answer is complete."""
        assert self._serving is not None
        if self._serving.chunked:
            self._writer.write(b"0\r\n\r\n")
        self._serving.finished = True
        if self._lost:
            self._forget()
        elif self._serving.remaining:
            self.abort()
            raise HTTPOutputError("an answer shorter than its Content-Length")
        else:
            if not self._writer.is_empty:
                self._expect(ANSWER_TIMEOUT_S)
                if (rest := self._writer.rest) is not None:
                    self._connections.wait_for_reader(self, rest)
            self._go_on_when_sent()

    def _write(self, head: bytes, chunk: bytes | None) -> asyncio.Future[None]:
        assert self._serving is not None
        if chunk and self._serving.chunked:  # section 7.1; a chunk of no length would be the end
            chunk = b"%x\r\n%b\r\n" % (len(chunk), chunk)
        elif chunk and self._serving.remaining is not None:
            self._serving.remaining -= len(chunk)
            if self._serving.remaining < 0:
                self._fail()
                raise HTTPOutputError("an answer longer than its Content-Length")
        self._writer.write(head, chunk or b"")
        return self._writer.sent()

    def _go_on_when_sent(self) -> None:
        if self._serving is None or not self._serving.finished or not self._writer.is_empty or self._closing:
            return
        exchange, self._serving = self._serving, None
        if not exchange.keep_alive:
            self._ready.clear()
            self._close_gently()  # section 9.6
            return
        self._expect(HEADERS_TIMEOUT_S if self._arriving is None else BODY_TIMEOUT_S)
        self._parse(self._rest)
        if self._serving is None:
            self.close() if self._half_closed else self._resume_reading()

    def _fail(self) -> None:
        """Close at once: no answer will follow."""
        assert self._serving is not None
        self._serving.finished = True
        self.abort()

    def _forget(self) -> None:
        self._serving = None
        self._connections.discard(self)
