"""A snapshot: the versions of everything that the pages of the lists show, read in the same MGET as a session.

A list has a version, which every change of its rows replaces. A list also shows the profiles of its authors. Most
users are on no page, so a changed profile does not replace the version: it is appended to a short log of changed
profiles, and invalidates only the pages that show the user.
"""

from collections.abc import Set as AbstractSet
from enum import StrEnum
from typing import NamedTuple, cast

from services.redis import keys


class Feed(StrEnum):
    """A list, named as the field of `Snapshot` that holds its version."""

    REPLAYS = "replays"
    UGC = "ugc"


class Snapshot(NamedTuple):
    """The versions at one moment, and the log of changed profiles: `userid.random;` of each, the newest last."""

    replays: bytes | None = None
    ugc: bytes | None = None
    profiles: bytes | None = None

    def is_current_for(self, later: "Snapshot", feed: Feed, authors: AbstractSet[str]) -> bool:
        """True when a page of this snapshot, which shows these authors, is still right in a later snapshot."""
        if self == later:
            return True
        if self.version(feed) != later.version(feed):
            return False
        if self.profiles == later.profiles:
            return True
        if not self.profiles or not later.profiles:
            return False
        newest = self.profiles[self.profiles.rfind(b";", 0, -1) + 1 :]
        _, separator, since = later.profiles.rpartition(newest)
        changed = (record.partition(".")[0] for record in since.decode(errors="replace").split(";"))
        return bool(separator) and authors.isdisjoint(changed)

    def version(self, feed: Feed) -> bytes | None:
        """The version of one list."""
        return cast("bytes | None", getattr(self, feed))


VERSION_KEYS = {Feed.REPLAYS: keys.REPLAYS_VERSION, Feed.UGC: keys.UGC_VERSION}
SNAPSHOT_KEYS = (keys.REPLAYS_VERSION, keys.UGC_VERSION, keys.CHANGED_PROFILES)
"""The keys of a snapshot, in the order of its fields."""
