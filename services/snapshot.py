"""A snapshot: the versions of everything that the pages of the lists show, at one moment.

A list has a version, which every change of its rows replaces. A list also shows the profiles of its authors. Most
users are on no page, so a changed profile does not replace the version: it is appended to a short log of changed
profiles, and invalidates only the pages that show the user.

All of that is one value of one key in Redis: the versions of the lists, in the order of `Feed` and of VERSION_BYTES
each, then the log with `userid.random;` for each change, the newest last. It is empty before the first change.
"""

from collections.abc import Set as AbstractSet
from enum import StrEnum

Snapshot = bytes | None
"""None is an unknown one: Redis could not tell it. No page is known to be right then."""


class Feed(StrEnum):
    """A list."""

    REPLAYS = "replays"
    UGC = "ugc"


VERSION_BYTES = 8
VERSIONS_BYTES = VERSION_BYTES * len(Feed)
"""The length of the versions of all lists, behind which the log begins."""
OFFSETS = {feed: VERSION_BYTES * position for position, feed in enumerate(Feed)}
"""The position of each list's version."""


def is_current(earlier: Snapshot, later: Snapshot, feed: Feed, authors: AbstractSet[str]) -> bool:
    """True when a page of the earlier snapshot, which shows these authors, is still right in the later one."""
    if earlier is None or later is None:
        return False
    if earlier == later:
        return True
    if _version(earlier, feed) != _version(later, feed):
        return False
    log, later_log = earlier[VERSIONS_BYTES:], later[VERSIONS_BYTES:]
    if log == later_log:
        return True
    if not log or not later_log:
        return False
    newest = log[log.rfind(b";", 0, -1) + 1 :]
    _, separator, since = later_log.rpartition(newest)
    changed = (record.partition(".")[0] for record in since.decode(errors="replace").split(";"))
    return bool(separator) and authors.isdisjoint(changed)


def _version(snapshot: bytes, feed: Feed) -> bytes:
    return snapshot[OFFSETS[feed] : OFFSETS[feed] + VERSION_BYTES]
