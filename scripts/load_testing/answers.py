"""The judgement of an answer. `code` decides: the HTTP status is 200 for most refusals, too (decisions, section 1)."""

from typing import Any

from services import wire

_SHOWN = 60  # characters of an answer that is no envelope

Data = dict[str, Any]


class Failure(Exception):
    """A request that did not succeed. The text groups equal failures: it holds nothing of a single user."""

    def __repr__(self) -> str:
        return str(self)  # Locust reports the repr of an exception


def no_answer(error: Exception) -> Failure:
    """The failure of a connection. geventhttpclient wraps a time-out in an exception that names the URL."""
    cause = getattr(error, "original", None) or error
    return Failure(f"no answer: {str(cause) or type(cause).__name__}")


def data_of(status: int, content: bytes, *, success: int = 200) -> Data:
    """The `data` of an answer. Raises Failure unless its code is `success`."""
    try:
        answer = wire.decode(content)
        code, message = answer["code"], answer.get("message", "")
    except (ValueError, TypeError, KeyError, AttributeError):
        raise Failure(f"HTTP {status} without an envelope: {content[:_SHOWN].decode(errors='replace')}") from None
    if code != success:
        raise Failure(f"code {code}: {message}")
    data = answer.get("data", {})
    return data if isinstance(data, dict) else {}


def expect_file(data: Data, file_id: str) -> None:
    """Raise Failure unless a list has a row with this file_id: whoever has published something sees it."""
    if not any(row.get("file_id") == file_id for row in data.get("list", [])):
        raise Failure("the user's own file is not in the list")
