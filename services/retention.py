"""Retention: what is older than the settings want is removed, about once an hour, by one process at a time.

Each statement removes few rows, and the job rests in between: readers and writers do not notice it. It also finishes
deletions of accounts that were interrupted.
"""

import asyncio
import random
from collections import Counter
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import AbstractAsyncContextManager, aclosing, suppress
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

import structlog

from models import room, undelivered, vod
from models.database import Database
from models.keys import Key
from services.background import meanwhile
from services.deletion import AccountDeletion
from services.errors import StoreError
from services.feeds import Feeds
from services.metrics.catalogue import Metrics
from services.redis.lease import Lease
from services.snapshot import Feed

log = structlog.get_logger()

_BATCH = 500
_REST_S = 0.05
_INTERVAL_S = 3600
# Every process looks so often whether it is time. The first one of an interval does the work.
_LOOK_S = 600


class Ages(NamedTuple):
    """The age in days at which rows are removed; 0 keeps them for ever."""

    room: int
    undelivered: int
    replay: int


class _Batch(NamedTuple):
    """Rows that one step removed."""

    table: str
    rows: int


class Retention:
    """Removes old rows."""

    def __init__(
        self, db: Database, feeds: Feeds, deletion: AccountDeletion, lease: Lease, ages: Ages, metrics: Metrics
    ) -> None:
        self._db = db
        self._feeds = feeds
        self._deletion = deletion
        self._lease = lease
        self._ages = ages
        self._metrics = metrics

    def running(self) -> AbstractAsyncContextManager[None]:
        """Remove rows in the background for the duration of the block. Its end interrupts a removal at once."""
        return meanwhile(self._run_forever())

    async def run(self, *, early: bool = True) -> Mapping[str, int] | None:
        """Remove what is due. Returns how many rows of each table, or None when another process does it.

        Without `early`, also None within an hour of the last time.
        """
        if not await self._lease.acquire(early=early):
            return None
        removed: Counter[str] = Counter()
        due_in = 1  # s, when it is interrupted
        try:
            async with aclosing(self._batches()) as batches:
                async for batch in batches:
                    removed[batch.table] += batch.rows
                    self._metrics.retention_rows[batch.table] += batch.rows
                    await asyncio.sleep(_REST_S)
                    if not await self._lease.extend():
                        break
            due_in = _INTERVAL_S
        finally:
            with suppress(StoreError):  # it expires
                await self._lease.finish(due_in)
        return +removed

    async def _run_forever(self) -> None:
        while True:
            await asyncio.sleep(random.uniform(0.5, 1.5) * _LOOK_S)  # noqa: S311 - so that workers do not look together
            await self._run_if_due()

    async def _run_if_due(self) -> None:
        try:
            removed = await self.run(early=False)
        except StoreError as error:
            log.warning("old rows not removed", **error.details)
        except Exception:  # the next time comes
            log.exception("old rows not removed")
        else:
            if removed:
                log.info("old rows removed", rows=dict(removed))

    async def _batches(self) -> AsyncGenerator[_Batch, None]:
        while await self._deletion.finish(1):
            yield _Batch("tb_account", 1)
        if self._ages.room:
            async for rows in self._rooms(_before(self._ages.room)):
                yield _Batch("tb_room", rows)
        if self._ages.undelivered:
            before = _before(self._ages.undelivered)
            while rows := await undelivered.delete_older(self._db, before, _BATCH):
                yield _Batch("tb_undelivered_callback", rows)
            while rows := await vod.delete_cleared_files(self._db, before, _BATCH):
                yield _Batch("tb_vod_file", rows)
        if self._ages.replay:
            async for batch in self._replays(_before(self._ages.replay)):
                yield batch

    async def _rooms(self, before: datetime) -> AsyncIterator[int]:
        """Delete old room information, but for the newest of each user: the next replay takes it."""
        place = room.FIRST
        while rows := await room.older(self._db, before, place, _BATCH):
            keys = [Key(row.userid, str(row.place.id)) for row in rows if row.superseded]
            yield await room.delete(self._db, keys) if keys else 0
            place = rows[-1].place

    async def _replays(self, before: datetime) -> AsyncIterator[_Batch]:
        """Delete old replays, the files of each first: a replay without files is found again, files alone are not."""
        while replays := await vod.older(self._db, before, _BATCH):
            files = sum([await vod.delete_files_of_replay(self._db, *replay) for replay in replays])
            rows = sum([await vod.delete_row(self._db, *replay) for replay in replays])
            await self._feeds.bump(Feed.REPLAYS)
            yield _Batch("tb_vod_file", files)
            yield _Batch("tb_vod", rows)


def _before(days: int) -> datetime:
    return datetime.now(UTC).replace(tzinfo=None) - timedelta(days=days)
