"""What every handler does the same way: parse, authenticate, call one service, answer in the envelope.

Secure by default: a handler serves authenticated callers unless it says that it is public.
"""

import re
import time
from collections.abc import Mapping
from functools import lru_cache
from http import HTTPStatus
from typing import Any, ClassVar, Generic
from zoneinfo import ZoneInfo

import structlog
from redis.exceptions import (
    BusyLoadingError,
    ClusterDownError,
    MasterDownError,
    OutOfMemoryError,
    ReadOnlyError,
    ResponseError,
    TryAgainError,
)
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import TimeoutError as RedisTimeoutError
from tornado.httputil import HTTPHeaders, HTTPServerRequest, format_timestamp
from tornado.web import HTTPError, RequestHandler

from conf.settings import Settings
from handlers.application import MAX_BODY, Application
from handlers.schemas import P, PageRequest, read
from models.database import DatabaseUnavailable
from services import Services, wire
from services.errors import Code, ServiceError, unavailable
from services.pages import Page
from services.versions import List

log = structlog.get_logger()


_HTTP_CODES = frozenset({400, 404, 405, 413, 429, 500, 503})
_UNAVAILABLE = (
    DatabaseUnavailable,
    RedisConnectionError,
    RedisTimeoutError,
    ReadOnlyError,
    BusyLoadingError,
    OutOfMemoryError,
    MasterDownError,
    ClusterDownError,
    TryAgainError,
)
# Redis answers so while it cannot write to disk or to its replicas, or while a script hangs.
_REFUSING = ("MISCONF", "NOREPLICAS", "BUSY")
_TAKES_GZIP = re.compile(r"\bgzip\b(?!\s*;\s*q=0(\.0*)?\s*(,|$))", re.IGNORECASE)
_REQUEST_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")


Routes = list[tuple[str, type["BaseHandler"]]]


class BaseHandler(RequestHandler):
    """The envelope, the errors, the headers, the request id."""

    application: Application
    quiet: ClassVar[bool] = False
    """Whether only an internal error is worth more than a debug line in the access log."""
    code: int = 0
    """The `code` of the answer, for the access log."""
    caller: str = ""
    """The userid of the caller, for the access log."""
    route: str = ""
    request_id: str = ""

    def initialize(self, route: str = "") -> None:
        self.route = route
        self.application.in_flight += 1

    def on_finish(self) -> None:
        assert self.request.connection is not None
        self.application.answered(self.request.connection)

    @property
    def services(self) -> Services:
        """Everything a handler may call."""
        return self.application.services

    @property
    def conf(self) -> Settings:
        """The settings of the server."""
        return self.application.conf

    @property
    def timezone(self) -> ZoneInfo:
        """The time zone of the times in answers."""
        return self.application.timezone

    def clear(self) -> None:
        """As Tornado's, with the headers of every answer, errors too; what is the same for many is made once."""
        if not self.request_id:  # an error clears what was set, and keeps the id that is in the log already
            self.request_id = _request_id(self.request, self.application)
        self._headers = HTTPHeaders(
            {
                "Date": _date(int(time.time())),
                "Content-Type": "application/json; charset=utf-8",
                "Cache-Control": "no-store",
                "X-Content-Type-Options": "nosniff",
                "X-Request-Id": self.request_id,
            }
        )
        self._write_buffer = []
        self.set_status(200)

    def compute_etag(self) -> None:
        """No ETag: nothing here is cacheable."""

    def body_object(self) -> dict[str, Any]:
        """The JSON object in the body. Raises BAD_REQUEST, or BODY_TOO_LARGE."""
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
        self.set_status(self.code if code in _HTTP_CODES else 200)
        self.finish(envelope(code, message, data))

    def write_error(self, status_code: int, **kwargs: Any) -> None:
        """Any exception as an answer: what is not ours becomes INTERNAL, and its text stays inside."""
        error = _as_service_error(kwargs["exc_info"][1] if "exc_info" in kwargs else HTTPError(status_code))
        if error.code == Code.METHOD_NOT_ALLOWED:
            self.set_header("Allow", ", ".join(self.allowed_methods()))
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
        """The access log tells of refusals; only what is nobody's refusal gets a traceback."""
        if value is not None and _is_unavailable(value):
            log.warning("store unavailable", request_id=self.request_id, error=repr(value.__cause__ or value))
        elif not isinstance(value, ServiceError | HTTPError):
            log.error("request failed", request_id=self.request_id, route=self.route, exc_info=(typ, value, tb))


class PublicHandler(BaseHandler, Generic[P]):
    """An interface that needs no session. Subclasses name their parameters and implement `serve`."""

    parameters: ClassVar[type[Any]]

    async def post(self) -> None:
        data = await self.serve(read(self.parameters, self.body_object()))
        self.answer(Code.OK, "OK", data)

    async def serve(self, parameters: P) -> Mapping[str, Any] | None:
        """Do the work; the `data` of the answer."""
        raise NotImplementedError


class UserHandler(BaseHandler, Generic[P]):
    """An interface for authenticated callers. Subclasses name their parameters and implement `serve`."""

    parameters: ClassVar[type[Any]]

    async def post(self) -> None:
        parameters = await self.authenticate()
        self.answer(Code.OK, "OK", await self.serve(self.caller, parameters))

    async def authenticate(self) -> P:
        """Establish the caller; the parameters."""
        body = self.body_object()
        self.caller = await self.services.authenticator.caller(self.request.headers, self.request.body, body)
        parameters: P = read(self.parameters, body)
        return parameters

    async def serve(self, caller: str, parameters: P) -> Mapping[str, Any] | None:
        """Do the work for `caller` (a userid); the `data` of the answer."""
        raise NotImplementedError


class ListHandler(UserHandler[PageRequest]):
    """A list, which looks the same to every caller. Subclasses name it and implement `list_page`."""

    parameters = PageRequest
    shows: ClassVar[List]

    async def post(self) -> None:
        parameters = await self.authenticate()
        place = (parameters.index, parameters.count)
        page = await self.services.pages.get(self.shows, place, lambda: self._rendered(*place))
        self.code = int(Code.OK)
        self._headers["Vary"] = "Accept-Encoding"
        body = page.plain
        if _TAKES_GZIP.search(self.request.headers.get("Accept-Encoding", "")) and page.gzipped is not None:
            self._headers["Content-Encoding"] = "gzip"
            body = page.gzipped
        self.finish(body)

    async def _rendered(self, index: int, count: int) -> Page:
        data = await self.list_page(index, count)
        return Page(envelope(Code.OK, "OK", data), {row["userid"] for row in data["list"]})

    async def list_page(self, index: int, count: int) -> Mapping[str, Any]:
        """The `data` of the answer: `count` rows from offset `index`."""
        raise NotImplementedError


class NotFoundHandler(BaseHandler):
    """Every path that is not an interface."""

    def prepare(self) -> None:
        raise ServiceError(Code.NOT_FOUND, "no such interface")


def envelope(code: int, message: str, data: Mapping[str, Any] | None = None) -> bytes:
    """The body of every answer (document, general part)."""
    content: dict[str, Any] = {"code": code, "message": message}
    if data is not None:
        content["data"] = data
    return wire.encode(content)


def log_request(handler: RequestHandler) -> None:
    """The access log: one line per request, louder the worse it went. Nothing a client sent but its userid."""
    assert isinstance(handler, BaseHandler)
    status = handler.get_status()
    if handler.quiet and status != Code.INTERNAL:
        write = log.debug
    elif status < 500:
        write = log.info
    else:
        write = log.warning if status == Code.UNAVAILABLE else log.error
    write(
        "request",
        method=handler.request.method if handler.request.method in handler.SUPPORTED_METHODS else "",
        route=handler.route,
        status=status,
        code=handler.code,
        ms=round(handler.request.request_time() * 1000, 2),
        userid=handler.caller,
        remote_ip=handler.request.remote_ip,
        request_id=handler.request_id,
    )


def _as_service_error(error: BaseException) -> ServiceError:
    match error:
        case ServiceError():
            return error
        case HTTPError() if error.status_code in _HTTP_CODES:
            return ServiceError(Code(error.status_code), HTTPStatus(error.status_code).phrase)
        case _ if _is_unavailable(error):
            return unavailable("temporarily unavailable")
        case _:
            return ServiceError(Code.INTERNAL, "internal error")


def _is_unavailable(error: BaseException) -> bool:
    if isinstance(error, ResponseError) and str(error).startswith(_REFUSING):
        return True
    return isinstance(error, _UNAVAILABLE)


@lru_cache(maxsize=1)
def _date(second: int) -> str:
    return format_timestamp(second)


def _request_id(request: HTTPServerRequest, application: Application) -> str:
    given = request.headers.get("X-Request-Id", "") if application.conf.http.trust_proxy else ""
    return given if _REQUEST_ID.fullmatch(given) else next(application.request_ids)
