"""The form of values in answers, as the settings want it (decisions, section 4)."""

from datetime import UTC, datetime
from functools import lru_cache
from typing import NamedTuple
from zoneinfo import ZoneInfo


class Formats(NamedTuple):
    """`official_apps` adapts answers to the shipped apps."""

    timezone: ZoneInfo
    official_apps: bool

    def time(self, utc: datetime) -> str:
        """A time as `YYYY-MM-DD HH:MM:SS` in the time zone of the settings."""
        return _local_time(utc, self.timezone)

    def image(self, url: str) -> str:
        """The address of an image. The shipped iOS app puts `https:` before one that begins with `https:`."""
        if self.official_apps and url[:8].lower() == "https://":
            return f"http://{url[8:]}"
        return url


@lru_cache(maxsize=4096)  # the rows of a page are rendered again and again
def _local_time(utc: datetime, timezone: ZoneInfo) -> str:
    local = utc.replace(tzinfo=UTC).astimezone(timezone)
    return local.replace(tzinfo=None).isoformat(" ", "seconds")
