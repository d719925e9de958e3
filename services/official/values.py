"""The values of an official server, brought to our rules (decisions, sections 4 and 7)."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from services.validation import OptionalUrl, accepts, without_control_characters

is_optional_url = accepts(OptionalUrl)


class Skip(Exception):
    """The row cannot be imported, for this reason."""


class Values:
    """The values of one row.

    `changes` says what did not fit and was replaced. NULL for an empty text is not among it: an official server stores
    that for whatever a user has not set.
    """

    def __init__(self, row: Mapping[str, Any]) -> None:
        self._row = row
        self.changes: list[str] = []

    def raw(self, name: str) -> Any:
        """The value as it is, None for NULL or without such a column."""
        return self._row.get(name)

    def changed(self, change: str) -> None:
        """Note a change."""
        self.changes.append(change)

    def text(self, name: str, max_length: int) -> str:
        """A text of at most `max_length` characters without control characters."""
        value = str(self.raw(name) or "")
        text = without_control_characters(value)
        if text != value:
            self.changed(f"{name}: control characters removed")
        if len(text) > max_length:
            self.changed(f"{name}: cut to {max_length} characters")
        return text[:max_length]

    def url(self, name: str) -> str:
        """An http(s) URL, or an empty text."""
        value = str(self.raw(name) or "")
        if value.startswith("//"):  # the iOS app puts the scheme before such an address when it shows it
            value = f"http:{value}"
            self.changed(f"{name}: http: put before it")
        if is_optional_url(value):
            return value
        self.changed(f"{name}: no http(s) URL, left empty")
        return ""

    def number(self, name: str, minimum: int, maximum: int, default: int) -> int:
        """A number in these limits, or the default."""
        value = self.raw(name)
        if isinstance(value, int) and minimum <= value <= maximum:
            return value
        if value is not None:
            self.changed(f"{name}: not from {minimum} to {maximum}, became {default}")
        return default

    def time(self, name: str, default: datetime, meaning: str) -> datetime:
        """A time in UTC. The default stands for a zero date, for the reason in `meaning`."""
        value = self.raw(name)
        if isinstance(value, datetime):
            return value
        self.changed(f"{name}: zero or NULL, became {meaning}")
        return default
