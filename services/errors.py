"""The errors that services raise, and the codes of the protocol (decisions, section 1).

ServiceError     the request cannot be served: a code and a message for the client
StoreError       a store failed (`models.errors`)
"""

from models.errors import StoreBusy, StoreError, StoreUnavailable
from services.texts import ExplainedCode

__all__ = ["ClientLeft", "Code", "ServiceError", "StoreBusy", "StoreError", "StoreUnavailable", "unavailable"]


class Code(ExplainedCode):
    """The `code` of an answer."""

    OK = 200, "success", "成功"
    BAD_REQUEST = (
        400,
        "the request is malformed HTTP, or its body is not a JSON object in UTF-8",
        "HTTP 请求格式错误，或请求体不是 UTF-8 编码的 JSON 对象",
    )
    NOT_FOUND = 404, "there is no such interface", "接口不存在"
    METHOD_NOT_ALLOWED = 405, "the interface takes another method", "HTTP 方法错误"
    BODY_TOO_LARGE = 413, "the body is longer than 64 KiB", "请求体超过 64 KiB"
    TOO_FREQUENT = (
        429,
        "a rate limit is exceeded, as `message` says: wait for Retry-After seconds. After too many wrong passwords the "
        "right one is refused, too",
        "超过限流，原因见 message：请等待 Retry-After 秒。密码错误次数过多后，正确的密码也会被拒绝",
    )
    INVALID_TOKEN = (
        498,
        "the token, signature or refresh_token is missing, wrong, expired or replaced by a newer login; "
        "or userid is not the caller's: log in again. Or a signed request is not fresh, as `message` says: set the "
        "clock by the answer's `Date` header",
        "token、签名或 refresh_token 缺失、错误、过期，或已被新的登录取代；或 userid 不是调用者本人：请重新登录。"
        "或签名请求已过时效（见 message）：请按回包的 `Date` 头校准时钟",
    )
    INTERNAL = 500, "an internal failure of the server", "服务器内部错误"
    UNAVAILABLE = (
        503,
        "the server is overloaded, is stopping, or a store does not answer: try again after Retry-After seconds",
        "服务器过载、正在停止或存储无响应：请在 Retry-After 秒后重试",
    )
    UPDATE_FAILED = (
        601,
        "what to change does not exist: the account, the video or the reported user",
        "要操作的对象不存在：账号、视频或被举报的用户",
    )
    INVALID_PARAM = (
        602,
        "a parameter is missing or malformed: `message` names each one and its rule",
        "参数缺失或格式错误：message 给出每个参数名及其规则",
    )
    BAD_USERID = 610, "the userid of a registration is malformed", "注册的 userid 格式错误"
    BAD_PASSWORD = 611, "the new password is malformed", "新密码格式错误"
    USER_EXISTS = 612, "the userid is taken", "userid 已被注册"
    NO_SUCH_USER = 620, "there is no such user", "用户不存在"
    WRONG_PASSWORD = 621, "the password is wrong", "密码错误"


class ServiceError(Exception):
    """The request cannot be served. The client gets the message as it is, so nothing secret stands in it.

    `retry_after` is in seconds, for the codes that ask the client to come back. `reason` is the label of the refusal in
    the metrics, one of REFUSALS, when the code does not say it.
    """

    def __init__(self, code: Code, message: str, retry_after: int | None = None, reason: str = "") -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.retry_after = retry_after
        self.reason = reason


class ClientLeft(ServiceError):
    """Nobody waits for the answer any more."""

    def __init__(self) -> None:
        super().__init__(Code.UNAVAILABLE, "the client has left", retry_after=1, reason="client_left")


def unavailable(message: str, reason: str = "") -> ServiceError:
    """A dependency or the server itself cannot take the request now. `reason` is that of a ServiceError."""
    return ServiceError(Code.UNAVAILABLE, message, retry_after=1, reason=reason)
