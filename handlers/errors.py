"""Any exception as an error of the protocol (decisions, section 1)."""

from http import HTTPStatus

from tornado.web import HTTPError

from handlers.transport.application import MalformedRequest
from services.errors import Code, ServiceError, StoreBusy, StoreUnavailable, unavailable

HTTP_CODES = frozenset({400, 404, 405, 413, 429, 500, 503})
"""The codes that are HTTP statuses too. All other answers have the status 200."""


_REASONS = {
    Code.BAD_REQUEST: "bad_request",
    Code.NOT_FOUND: "not_found",
    Code.METHOD_NOT_ALLOWED: "method_not_allowed",
    Code.BODY_TOO_LARGE: "body_too_large",
    Code.TOO_FREQUENT: "throttled",
    Code.INVALID_TOKEN: "unauthenticated",
    Code.INTERNAL: "internal_error",
    Code.UNAVAILABLE: "unavailable",
    Code.INVALID_PARAM: "invalid_parameter",
    Code.BAD_USERID: "invalid_parameter",
    Code.BAD_PASSWORD: "invalid_parameter",
}


def reason_of(cause: BaseException, code: Code) -> str | None:
    """The label of a refusal with this code, one of REFUSALS. None for a refusal by the product's rules."""
    match cause:
        case MalformedRequest():
            return "malformed_http"
        case StoreBusy():
            return "mysql_connections"
        case StoreUnavailable():
            return "store_unavailable"
        case ServiceError(reason=reason) if reason:
            return reason
        case _:
            return _REASONS.get(code)


def as_service_error(error: BaseException) -> ServiceError:
    """The error that the client gets. The text of an unexpected exception stays inside the server."""
    match error:
        case ServiceError():
            return error
        case StoreUnavailable():
            return unavailable("temporarily unavailable")
        case HTTPError() if error.status_code in HTTP_CODES:
            return ServiceError(Code(error.status_code), HTTPStatus(error.status_code).phrase)
        case _:
            return ServiceError(Code.INTERNAL, "internal error")
