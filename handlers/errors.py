"""Any exception as an error of the protocol (decisions, section 1)."""

from http import HTTPStatus

from tornado.web import HTTPError

from services.errors import Code, ServiceError, StoreUnavailable, unavailable

HTTP_CODES = frozenset({400, 404, 405, 413, 429, 500, 503})
"""The codes that are HTTP statuses too. All other answers have the status 200."""


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
