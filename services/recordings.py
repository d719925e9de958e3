"""Recordings: how the live service's events become the replay list (decisions on tape_callback)."""

import hmac
import re
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

import structlog

from models import account, room, undelivered, vod
from models.database import Database, Queries
from services import signatures
from services.versions import List, Versions

log = structlog.get_logger()

# Which file of a broadcast fills play_url, best first: every player plays mp4, aac has no picture.
_PLAY_FORMATS = ("mp4", "flv", "aac")
# Room information may be uploaded a little after the broadcast has started.
_ROOM_DELAY = timedelta(seconds=120)
# An event that Tencent delivers late is accepted this long past its expiry (s).
_LATE = 900
# Kept events are replayed in pages of this size.
_PAGE = 100


class Recording(NamedTuple):
    """A recorded file as the live service announces it; times and duration in seconds."""

    stream_id: str
    file_id: str
    video_url: str
    file_format: str
    start_time: int
    end_time: int
    duration: int


class Recordings:
    """Turns announced files into replays.

    `bizid` is the prefix of the stream ids (empty: any digits); recordings shorter than `min_duration` seconds
    are ignored.
    """

    def __init__(self, db: Database, versions: Versions, *, callback_key: str, bizid: str, min_duration: int) -> None:
        self._db = db
        self._versions = versions
        self._callback_key = callback_key
        self._prefix = re.compile(rf"\A{re.escape(bizid) if bizid else '[0-9]+'}_")
        self._min_duration = min_duration

    def is_genuine(self, t: str, sign: str) -> bool:
        """Whether an event is Tencent's and not stale. `t` is its expiry as received, in decimal."""
        expected = signatures.callback_sign(self._callback_key, t)
        signed = bool(self._callback_key) and hmac.compare_digest(sign.encode(), expected.encode())
        return signed and int(t) + _LATE >= time.time()

    async def store(self, recording: Recording, body: str) -> bool:
        """Make the file part of a replay, once, however often and from however many sides it comes.

        When its user is unknown, `body` is kept instead and the answer is False.
        """
        if recording.duration < self._min_duration:
            return True
        userid = self._prefix.sub("", recording.stream_id, count=1)
        async with self._db.transaction() as db:
            profile = await account.lock(db, userid)  # one recording of a user at a time
            if profile is None:
                log.warning("recording of an unknown user kept", stream_id=recording.stream_id)
                await undelivered.keep(db, undelivered.Undelivered(recording.stream_id, recording.file_id, body))
                return False
            if not await vod.has_file(db, userid, recording.file_id):
                await _add(db, profile, recording)
            await undelivered.forget(db, recording.stream_id, recording.file_id)
        await self._versions.change(List.REPLAYS)
        return True

    async def replay_undelivered(self, read: Callable[[str], Recording]) -> tuple[int, int]:
        """Try all kept events again; how many found their user and how many did not. `read` parses a body."""
        delivered = kept = 0
        last = ("", "")
        while events := await undelivered.page(self._db, last, _PAGE):
            for event in events:
                if await self.store(read(event.body), event.body):
                    delivered += 1
                else:
                    kept += 1
            last = (events[-1].stream_id, events[-1].file_id)
        return delivered, kept


async def _add(db: Queries, profile: account.Profile, recording: Recording) -> None:
    start, end = _utc(recording.start_time), _utc(recording.end_time)
    around = await vod.files_around(db, profile.userid, start, end)
    replay = matching_replay(around, recording.file_format, start, end)
    file = vod.File(
        recording.file_id, replay or recording.file_id, recording.file_format, recording.video_url, start, end
    )
    await vod.insert_file(db, profile.userid, file)
    if replay is not None:
        files = [other for other in around if other.replay_file_id == replay]
        await vod.update_media(db, profile.userid, replay, media_of([*files, file]))
        return
    in_force = await room.in_force(db, profile.userid, start + _ROOM_DELAY)
    information = in_force or room.Room("", "", profile.frontcover)
    await vod.insert_replay(db, profile.userid, file.file_id, information, media_of([file]))


def matching_replay(files: Sequence[vod.File], file_format: str, start: datetime, end: datetime) -> str | None:
    """The replay whose broadcast this is in another format, None when it is a broadcast of its own.

    It must still lack the format, and share at least half of the shorter time with the file: consecutive
    recordings of one stream overlap by a second or two and are different broadcasts.
    """
    taken = {file.replay_file_id for file in files if file.file_format == file_format}
    best: tuple[timedelta, str] | None = None
    for file in files:
        shared = min(file.end_time, end) - max(file.start_time, start)
        shorter = min(file.end_time - file.start_time, end - start)
        same = (file.start_time, file.end_time) == (start, end)
        if file.replay_file_id not in taken and (same or (shared > timedelta(0) and 2 * shared >= shorter)):
            best = max(best or (shared, file.replay_file_id), (shared, file.replay_file_id))
    return best[1] if best else None


def media_of(files: Sequence[vod.File]) -> vod.Media:
    """What the files of one broadcast make of its replay; the order in which they came does not matter."""
    urls = {file.file_format: file.video_url for file in files}
    return vod.Media(
        play_url=next((urls[name] for name in _PLAY_FORMATS if name in urls), ""),
        hls_play_url=urls.get("hls", ""),
        start_time=min(file.start_time for file in files),
        create_time=max(file.end_time for file in files),
    )


def _utc(seconds: int) -> datetime:
    return datetime.fromtimestamp(seconds, UTC).replace(tzinfo=None)
