"""Videos: replays of past broadcasts and short videos."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta

from models import account, room, ugc, vod
from models.database import Database, Queries
from models.gate import Gate, Overloaded
from models.ugc import ListedVideo, Video
from models.vod import ListedReplay
from services.errors import Code, ServiceError, unavailable
from services.feeds import Feeds
from services.limits import Limits
from services.snapshot import Feed

__all__ = ["ListedReplay", "ListedVideo", "Video", "Videos"]

# No list is that long, and MySQL would count the rows up to the offset.
_MAX_OFFSET = 10**9
# Beyond this offset MySQL takes long to count. A process reads one such page at a time, so that deep pages never take
# all connections.
_DEEP_OFFSET = 10_000
# MySQL counts that many rows in a millisecond or two.
_MAX_COUNTED = 10_000
_MAX_WAIT_S = 1  # for the pages before
# A process reads so many other pages of each list at a time. Nearly everybody reads the few pages that are cached.
_MAX_PAGES = 2
# Pages within the first rows, one behind the other, do not wait for those: they are what everybody reads, and there are
# few of them, so nobody can ask for so many others that the list has no beginning for anybody.
_HEAD_ROWS = 50

_TABLES = {Feed.REPLAYS: vod, Feed.UGC: ugc}


def is_deep(index: int) -> bool:
    """True for the offset of a page that takes long to read."""
    return index >= _DEEP_OFFSET


class Videos:
    """Publishes and lists. `window_days` limits the age of the replays listed; 0 lists all.

    An upload raises UPDATE_FAILED when the account is gone, and TOO_FREQUENT after many uploads of the user.
    """

    def __init__(self, db: Database, long_db: Database, feeds: Feeds, limits: Limits, *, window_days: int) -> None:
        self._db = db
        self._long_db = long_db
        self._feeds = feeds
        self._limits = limits
        self._window = timedelta(days=window_days)
        self._heads = {feed: Gate(_MAX_PAGES) for feed in Feed}
        self._pages = {feed: Gate(_MAX_PAGES) for feed in Feed}
        self._deep_pages = Gate(1)

    async def upload_room(self, userid: str, title: str, location: str, frontcover: str | None) -> None:
        """Store room information for the next broadcast, once if it is repeated within a minute.

        Raises UPDATE_FAILED when the account is gone, or TOO_FREQUENT.
        """
        await self._limits.uploads.use(userid)
        if await room.insert(self._db, userid, title, location, frontcover):
            return
        if not await account.passwords(self._db, [userid]):
            raise ServiceError(Code.UPDATE_FAILED, "no such user")

    async def upload_ugc(self, userid: str, video: Video) -> None:
        """Publish a short video. Raises UPDATE_FAILED or TOO_FREQUENT."""
        await self._limits.uploads.use(userid)
        if not await ugc.upsert(self._db, userid, video):
            raise ServiceError(Code.UPDATE_FAILED, "no such user")
        await self._feeds.bump(Feed.UGC)

    async def replays(self, index: int, count: int) -> list[ListedReplay]:
        """`count` replays from offset `index`, newest first."""
        if index >= _MAX_OFFSET:
            return []
        since = datetime.now(UTC).replace(tzinfo=None) - self._window if self._window else None
        async with self._reading(Feed.REPLAYS, index, count) as db:
            return await vod.newest(db, index, count, since)

    async def ugc(self, index: int, count: int) -> list[ListedVideo]:
        """`count` short videos from offset `index`, newest first."""
        if index >= _MAX_OFFSET:
            return []
        async with self._reading(Feed.UGC, index, count) as db:
            return await ugc.newest(db, index, count)

    async def ugc_total(self) -> int:
        """The number of short videos that are listed. A large one is MySQL's estimate: to count takes time."""
        counted = await ugc.count(self._db, _MAX_COUNTED)
        return counted if counted < _MAX_COUNTED else max(counted, await ugc.estimate(self._db))

    async def hide(self, feed: Feed, userid: str, file_id: str, *, hidden: bool) -> None:
        """Hide a row from its list, or show it again. Raises UPDATE_FAILED when there is none."""
        if not await _TABLES[feed].set_hidden(self._db, userid, file_id, hidden):
            raise _missing()
        await self._feeds.bump(feed)

    async def delete_replay(self, userid: str, file_id: str) -> None:
        """Delete a replay for good. Raises UPDATE_FAILED when there is none."""

        async def delete(db: Queries) -> None:
            if not await vod.has_replay(db, userid, file_id):
                raise _missing()  # the lock is a write: a request that is refused needs none
            await account.lock(db, userid)  # keeps the recordings of the user out
            if not await vod.delete_replay(db, userid, file_id):
                raise _missing()

        await self._db.transaction(delete)
        await self._feeds.bump(Feed.REPLAYS)

    async def delete_ugc(self, userid: str, file_id: str) -> None:
        """Delete a short video. Raises UPDATE_FAILED when there is none."""
        if not await ugc.delete_row(self._db, userid, file_id):
            raise _missing()
        await self._feeds.bump(Feed.UGC)

    @asynccontextmanager
    async def _reading(self, feed: Feed, index: int, count: int) -> AsyncIterator[Database]:
        """The database for a page from this offset. Raises UNAVAILABLE when too many others are being read."""
        pages = self._heads if index + count <= _HEAD_ROWS and index % count == 0 else self._pages
        gate, db = (self._deep_pages, self._long_db) if is_deep(index) else (pages[feed], self._db)
        try:
            async with gate.place(_MAX_WAIT_S):
                yield db
        except Overloaded:
            raise unavailable("too many readers of pages that are not cached", "pages") from None


def _missing() -> ServiceError:
    return ServiceError(Code.UPDATE_FAILED, "file_id: the user has no such video")
