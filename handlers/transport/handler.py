"""A RequestHandler without the parts that no interface uses: half of its cost."""

import asyncio
import math
import sys
from typing import Any, ClassVar

from tornado.httputil import HTTPServerRequest, ResponseStartLine
from tornado.web import Application, HTTPError, RequestHandler

from services.deadline import Deadline
from services.errors import ClientLeft, ServiceError

_LONG_BODY = 64 * 1024  # bytes: a shorter one costs a copy less than a write of its own


class DirectHandler(RequestHandler):
    """Answers with `finish(body)`, as one piece: no forms, streams, ETags, cookies or transforms."""

    bounded: ClassVar[bool] = True
    """False for a handler that works however many others do."""
    deadline: Deadline
    task: asyncio.Task[None]
    """The task of `run`."""
    claimed_by: str = ""
    """The userid of the user whose request it is."""

    def __init__(self, application: Application, request: HTTPServerRequest, **arguments: Any) -> None:
        """Replaces Tornado's, which makes the names of templates for every request."""
        self.application = application
        self.request = request
        self._headers_written = False
        self._finished = False
        self.clear()
        assert request.connection is not None
        request.connection.set_close_callback(self.on_connection_close)  # type: ignore[attr-defined]
        self.initialize(**arguments)

    async def run(self) -> None:
        """Serve the request: `prepare`, then the method. An exception is logged and answered by `write_error`."""
        try:
            self.prepare()
            if self.request.method not in self.SUPPORTED_METHODS:
                raise HTTPError(405)
            await getattr(self, self.request.method.lower())()
            if not self._finished:
                raise RuntimeError(f"{type(self).__name__} has not answered")
        except Exception as error:
            self.log_exception(*sys.exc_info())
            if not self._finished:
                self.send_error(error.status_code if isinstance(error, HTTPError) else 500, exc_info=sys.exc_info())

    def give_up(self, error: ServiceError) -> None:
        """Answer the error, and then end the work: it may have to clean up."""
        if not self._finished:
            self.log_exception(type(error), error, None)
            self.send_error(error.code, exc_info=(type(error), error, None))
        self.deadline.at = math.inf  # once is enough
        self.task.cancel()

    def on_connection_close(self) -> None:
        """The client has left. What is under way goes on, unless it is for nothing then."""
        self.deadline.client_left = True
        if self.deadline.ends_with_client:
            self.give_up(ClientLeft())

    def finish(self, chunk: bytes = b"") -> asyncio.Future[None]:  # type: ignore[override]
        """Send the answer, whose body is the chunk. Returns a future that is done when it is sent."""
        connection = self.request.connection
        assert connection is not None
        if self._status_code not in (204, 304):  # RFC 9110 section 8.6
            self._headers["Content-Length"] = str(len(chunk))
        start_line = ResponseStartLine("", self._status_code, self._reason)
        body = chunk if self.request.method != "HEAD" else b""
        if len(body) < _LONG_BODY:
            sent = connection.write_headers(start_line, self._headers, body)
        else:  # behind the headers it would be copied, for every client that does not read it
            connection.write_headers(start_line, self._headers)
            sent = connection.write(body)
        self._finished = True
        connection.set_close_callback(None)  # type: ignore[attr-defined]  # it refers to this object
        connection.finish()
        self.application.log_request(self)
        return sent
