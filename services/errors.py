"""The one domain error, and the codes of the protocol (decisions on the document's `code`)."""

from enum import IntEnum


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
    """A request that cannot be served. The message goes to the client as it is: nothing secret in it.

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
