"""The base of all handlers: the headers and the envelope of every answer, and the object in a body."""

import re
import time
from collections.abc import Mapping
from functools import lru_cache
from typing import Any, ClassVar

import structlog
from tornado.httputil import format_timestamp
from tornado.web import HTTPError, RequestHandler

from conf.settings import Settings
from conf.version import BUILD
from handlers.description import Description
from handlers.errors import HTTP_CODES, as_service_error, reason_of
from handlers.schemas.formats import Formats
from handlers.transport.application import MAX_BODY, Application
from handlers.transport.handler import DirectHandler
from handlers.transport.headers import Headers
from handlers.transport.request import Request
from handlers.transport.work import DeadlinePassed
from services import Services, wire
from services.errors import Code, ServiceError, StoreBusy, StoreError, StoreUnavailable

log = structlog.get_logger()

_ACCEPTS_GZIP = re.compile(r"\bgzip\b(?!\s*;\s*q=0(\.0*)?\s*(,|$))", re.IGNORECASE)
_REQUEST_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")

Routes = list[tuple[str, type["BaseHandler"]]]


class BaseHandler(DirectHandler):
    """Answers in the envelope, errors too."""

    application: Application
    request: Request
    description: ClassVar[Description | None] = None
    """None for what is no interface of the API."""
    quiet: ClassVar[bool] = False
    """True for a handler whose requests are logged at debug level, unless they fail."""
    code: int = 0
    """The `code` of the answer, for the access log."""
    userid: str = ""
    """The userid of the caller, for the access log."""
    route: str = ""
    request_id: str = ""

    def initialize(self, route: str = "") -> None:
        self.route = route

    @property
    def services(self) -> Services:
        """The services of the process."""
        return self.application.services

    @property
    def conf(self) -> Settings:
        """The settings of the server."""
        return self.application.conf

    @property
    def formats(self) -> Formats:
        """The form of values in answers."""
        return self.application.formats

    @property
    def address(self) -> str:
        """The address of the client, empty when it has none."""
        return self.request.remote_ip or ""

    def clear(self) -> None:
        """Reset the answer to the headers that every answer has. It replaces Tornado's, which builds more of them."""
        if not self.request_id:  # an error resets the answer too, and the log already has the id
            self.request_id = _request_id(self.request, self.application)
        self._headers = Headers.canonical(
            {
                "Date": _date(int(time.time())),
                "Content-Type": "application/json; charset=utf-8",
                "Cache-Control": "no-store",
                "X-Content-Type-Options": "nosniff",
                "X-Request-Id": self.request_id,
            }
        )
        if self.request.protocol == "https" and self.application.hsts:
            self._headers["Strict-Transport-Security"] = self.application.hsts  # RFC 6797
        self._write_buffer = []
        self.set_status(200)

    def take_long(self) -> None:
        """Move the deadline: what follows takes longer than other requests."""
        self.deadline.at += max(self.conf.http.long_deadline - self.conf.http.deadline, 0)

    def accepts_gzip(self) -> bool:
        """True when the client reads gzip."""
        return _accepts_gzip(self.request.headers.get("Accept-Encoding", ""))

    def body_object(self) -> dict[str, Any]:
        """The JSON object in the body. Raises BAD_REQUEST or BODY_TOO_LARGE."""
        raw = self.request.body
        if len(raw) > MAX_BODY:
            raise ServiceError(Code.BODY_TOO_LARGE, f"the body is longer than {MAX_BODY} bytes")
        try:
            body = wire.decode(raw) if raw else {}
        except ValueError:
            raise ServiceError(Code.BAD_REQUEST, "the body is not JSON") from None
        if not isinstance(body, dict):
            raise ServiceError(Code.BAD_REQUEST, "the body is not a JSON object")
        return body

    def answer(self, code: int, message: str, data: Mapping[str, Any] | None = None) -> None:
        """Finish with the envelope, in the HTTP status that belongs to the code."""
        self.code = int(code)
        self.set_status(self.code if code in HTTP_CODES else 200)
        self.finish(envelope(code, message, data))

    def write_error(self, status_code: int, **kwargs: Any) -> None:
        """Answer an exception in the envelope."""
        cause = kwargs["exc_info"][1] if "exc_info" in kwargs else HTTPError(status_code)
        error = as_service_error(cause)
        if not self.quiet and (reason := reason_of(cause, error.code)):
            self.services.metrics.refusals[reason] += 1
        if error.code == Code.METHOD_NOT_ALLOWED:
            allowed = self.allowed_methods()
            self.set_header("Allow", ", ".join(allowed))
            error = ServiceError(error.code, f"use {' or '.join(allowed)}")
        if error.retry_after is not None:
            self.set_header("Retry-After", str(error.retry_after))
        self.answer(error.code, error.message)

    def allowed_methods(self) -> list[str]:
        """The methods that this handler implements."""
        unimplemented = RequestHandler._unimplemented_method
        return [
            method
            for method in self.SUPPORTED_METHODS
            if getattr(type(self), method.lower(), unimplemented) is not unimplemented
        ]

    def log_exception(self, typ: Any, value: BaseException | None, tb: Any) -> None:
        """Log a failure, and the traceback of an unexpected one. The access log has the refusals."""
        request = {"route": self.route, "request_id": self.request_id}
        match value:
            case DeadlinePassed():
                log.warning("deadline passed", **request)
            case ServiceError() | HTTPError() | StoreBusy():
                pass  # in a rush there are thousands a second
            case StoreUnavailable():
                log.warning("store unavailable", **request, **value.details)
            case StoreError():
                log.error("store refuses", **request, **value.details)
            case _:
                log.error("request failed", **request, build=BUILD, exc_info=(typ, value, tb))


class RefusalHandler(BaseHandler):
    """Answers an error, whatever the method: by default, that a path has no handler."""

    def initialize(self, error: ServiceError | None = None, route: str = "") -> None:  # type: ignore[override]
        super().initialize(route)
        self._error = error or ServiceError(Code.NOT_FOUND, "no such interface")

    def prepare(self) -> None:
        raise self._error


def envelope(code: int, message: str, data: Mapping[str, Any] | None = None) -> bytes:
    """The body of every answer (protocol, general part)."""
    content: dict[str, Any] = {"code": code, "message": message}
    if data is not None:
        content["data"] = data
    return wire.encode(content)


@lru_cache(maxsize=64)
def _accepts_gzip(accepted: str) -> bool:
    return _ACCEPTS_GZIP.search(accepted) is not None


@lru_cache(maxsize=1)
def _date(second: int) -> str:
    return format_timestamp(second)


def _request_id(request: Request, application: Application) -> str:
    given = request.headers.get("X-Request-Id", "") if request.from_proxy else ""
    return given if _REQUEST_ID.fullmatch(given) else next(application.request_ids)
