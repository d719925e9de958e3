"""Rows of made-up users and videos, for demonstrations. What is there already stays as it is."""

from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from datetime import timedelta
from typing import NamedTuple, TypeVar

from models import account, room, ugc, vod
from models.account import NewAccount
from models.database import Database, Queries
from models.keys import Key
from models.room import NewRoom, Room
from models.ugc import NewVideo
from models.vod import File, NewReplay
from services.feeds import Feeds
from services.recordings import media_of
from services.snapshot import Feed

__all__ = ["File", "NewAccount", "NewBroadcast", "NewVideo", "Room", "Seeding"]

T = TypeVar("T")

# The apps send the room information when the user starts the broadcast.
_PREPARATION = timedelta(seconds=5)


class NewBroadcast(NamedTuple):
    """A broadcast of the past to be added. Its first file names the replay."""

    userid: str
    room: Room
    like_count: int
    viewer_count: int
    files: Sequence[File]

    @property
    def key(self) -> Key:
        """Userid and file_id of its replay."""
        return Key(self.userid, self.files[0].file_id)


class Seeding:
    """Adds rows in batches; the caller chooses their size. Each method returns how many rows are new."""

    def __init__(self, db: Database, feeds: Feeds) -> None:
        self._db = db
        self._feeds = feeds

    async def users(self, accounts: Sequence[NewAccount]) -> int:
        """Add users."""
        by_key = {Key(user.userid): user for user in accounts}
        return await self._add(by_key, account.existing, account.insert_many)

    async def broadcasts(self, broadcasts: Sequence[NewBroadcast]) -> int:
        """Add broadcasts of users who exist: room information, files and a replay of each.

        A broadcast is there when its file is, also if its replay is deleted.
        """
        by_key = {broadcast.key: broadcast for broadcast in broadcasts}
        count = await self._add(by_key, vod.existing, _insert_broadcasts)
        await self._feeds.bump(Feed.REPLAYS)
        return count

    async def videos(self, videos: Sequence[NewVideo]) -> int:
        """Add short videos of users who exist."""
        by_key = {Key(video.userid, video.file_id): video for video in videos}
        count = await self._add(by_key, ugc.existing, ugc.insert_many)
        await self._feeds.bump(Feed.UGC)
        return count

    async def _add(
        self,
        rows: Mapping[Key, T],
        existing: Callable[[Queries, Collection[Key]], Awaitable[set[Key]]],
        insert: Callable[[Queries, Sequence[T]], Awaitable[None]],
    ) -> int:
        """Insert those of the rows whose keys do not exist. Returns how many there were."""

        async def add(db: Queries) -> int:
            present = await existing(db, rows.keys())
            new = [row for key, row in rows.items() if key not in present]
            if new:
                await insert(db, new)
            return len(new)

        return await self._db.transaction(add)


async def _insert_broadcasts(db: Queries, broadcasts: Sequence[NewBroadcast]) -> None:
    await room.insert_many(db, [_room(broadcast) for broadcast in broadcasts])
    await vod.insert_many(db, [_replay(broadcast) for broadcast in broadcasts])
    await vod.insert_files(db, [(each.userid, file) for each in broadcasts for file in each.files])


def _room(broadcast: NewBroadcast) -> NewRoom:
    return NewRoom(broadcast.userid, *broadcast.room, media_of(broadcast.files).start_time - _PREPARATION)


def _replay(broadcast: NewBroadcast) -> NewReplay:
    media = media_of(broadcast.files)
    return NewReplay(
        *broadcast.key,
        *broadcast.room,
        like_count=broadcast.like_count,
        viewer_count=broadcast.viewer_count,
        play_url=media.play_url,
        hls_play_url=media.hls_play_url,
        start_time=media.start_time,
        create_time=media.create_time,
    )
