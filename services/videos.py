"""What users watch: replays of past broadcasts and short videos."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta

from models import room, ugc, vod
from models.database import Database
from services.errors import Code, ServiceError, unavailable
from services.versions import List, Versions

# Behind it there is nothing, and MySQL would count its way there.
_MOST_ROWS = 10**9
# From here on (rows) MySQL takes long to count, and may do so for one page of each process at a time: the others,
# and everything else, always find a connection.
_DEEP = 10_000
_TURN_SECONDS = 1  # what a page waits for its turn


class Videos:
    """Publishes and lists. `window_days` limits the age of the replays listed; 0 lists all."""

    def __init__(self, db: Database, versions: Versions, *, window_days: int) -> None:
        self._db = db
        self._versions = versions
        self._window = timedelta(days=window_days)
        self._deep = asyncio.Semaphore()

    async def upload_room(self, userid: str, title: str, location: str, frontcover: str | None) -> None:
        """Say what the broadcast about to start is. Raises UPDATE_FAILED when the account is gone."""
        if not await room.insert(self._db, userid, title, location, frontcover):
            raise ServiceError(Code.UPDATE_FAILED, "no such user")

    async def upload_ugc(self, userid: str, video: ugc.Video) -> None:
        """Publish a short video. Raises UPDATE_FAILED when the account is gone."""
        if not await ugc.upsert(self._db, userid, video):
            raise ServiceError(Code.UPDATE_FAILED, "no such user")
        await self._versions.change(List.UGC)

    async def replays(self, index: int, count: int) -> list[vod.ListedReplay]:
        """`count` replays from offset `index`, newest first."""
        if index >= _MOST_ROWS:
            return []
        since = datetime.now(UTC).replace(tzinfo=None) - self._window if self._window else None
        async with self._turn(index):
            return await vod.newest(self._db, index, count, since)

    async def ugc(self, index: int, count: int) -> list[ugc.ListedVideo]:
        """`count` short videos from offset `index`, newest first."""
        if index >= _MOST_ROWS:
            return []
        async with self._turn(index):
            return await ugc.newest(self._db, index, count)

    @asynccontextmanager
    async def _turn(self, index: int) -> AsyncIterator[None]:
        if index < _DEEP:
            yield
            return
        try:
            async with asyncio.timeout(_TURN_SECONDS):
                await self._deep.acquire()
        except TimeoutError:
            raise unavailable("too many readers so far down a list") from None
        try:
            yield
        finally:
            self._deep.release()
