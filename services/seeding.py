"""Rows of made-up users and videos, for demonstrations. What is there already stays as it is."""

from collections.abc import Sequence

from models import account, ugc, vod
from models.account import NewAccount
from models.database import Database
from models.ugc import NewVideo
from models.vod import NewReplay
from services.feeds import Feeds
from services.snapshot import Feed

__all__ = ["NewAccount", "NewReplay", "NewVideo", "Seeding"]


class Seeding:
    """Adds rows in batches; the caller chooses their size. Each method returns how many rows are new."""

    def __init__(self, db: Database, feeds: Feeds) -> None:
        self._db = db
        self._feeds = feeds

    async def users(self, accounts: Sequence[NewAccount]) -> int:
        """Add users."""
        return await account.insert_missing(self._db, accounts)

    async def replays(self, replays: Sequence[NewReplay]) -> int:
        """Add replays of users who exist."""
        added = await vod.insert_missing(self._db, replays)
        await self._feeds.bump(Feed.REPLAYS)
        return added

    async def videos(self, videos: Sequence[NewVideo]) -> int:
        """Add short videos of users who exist."""
        added = await ugc.insert_missing(self._db, videos)
        await self._feeds.bump(Feed.UGC)
        return added
