"""The errors that services raise, and the codes of the protocol (decisions, section 1).

ServiceError     the request cannot be served: a code and a message for the client
StoreError       a store failed (`models.errors`)
"""

from enum import IntEnum

from models.errors import StoreError, StoreUnavailable

__all__ = ["Code", "ServiceError", "StoreError", "StoreUnavailable", "unavailable"]


class Code(IntEnum):
    """The `code` of an answer."""

    OK = 200
    BAD_REQUEST = 400
    NOT_FOUND = 404
    METHOD_NOT_ALLOWED = 405
    BODY_TOO_LARGE = 413
    TOO_FREQUENT = 429
    INVALID_TOKEN = 498
    INTERNAL = 500
    UNAVAILABLE = 503
    UPDATE_FAILED = 601
    INVALID_PARAM = 602
    BAD_USERID = 610
    BAD_PASSWORD = 611
    USER_EXISTS = 612
    NO_SUCH_USER = 620
    WRONG_PASSWORD = 621


class ServiceError(Exception):
    """The request cannot be served. The client gets the message as it is, so nothing secret stands in it.

    `retry_after` is in seconds, for the codes that ask the client to come back.
    """

    def __init__(self, code: Code, message: str, retry_after: int | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.retry_after = retry_after


def unavailable(message: str) -> ServiceError:
    """A dependency or the server itself cannot take the request now."""
    return ServiceError(Code.UNAVAILABLE, message, retry_after=1)
