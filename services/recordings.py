"""Recordings: the live service's events become the replay list (decisions, section 6)."""

import hashlib
import hmac
import json
import re
import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any

import structlog

from models import account, room, undelivered, vod
from models.account import Profile
from models.database import Database, Queries
from models.undelivered import KeptEvent, Undelivered
from services import wire
from services.errors import Code, ServiceError
from services.feeds import Feeds
from services.limits import Limits
from services.snapshot import Feed
from services.tencent import signatures
from services.tencent.events import Recording, recording_of, signature_of

log = structlog.get_logger()

# The formats that can fill play_url, best first: every player plays mp4, aac has no picture.
_PLAY_FORMATS = ("mp4", "flv", "aac")
# Room information may be uploaded a little after the broadcast has started, but not after its end.
_ROOM_DELAY = timedelta(seconds=120)
# The times of an event are whole seconds, those of room information are exact.
_REST_OF_SECOND = timedelta(microseconds=999_999)
# An event that Tencent delivers late is accepted this long past its expiry.
MAX_LATENESS_S = 900
MAX_AHEAD_S = 86400  # clocks do not differ by more, and Tencent signs an event for minutes
_REPLAY_BATCH = 100
_MAX_COUNTED = 10_000
_is_hex = re.compile(r"[0-9a-f]+").fullmatch


class Outcome(StrEnum):
    """The fate of an event."""

    STORED = "stored"
    """Its file is part of a replay."""
    KEPT = "kept"
    """It cannot be used, and is kept whole."""
    IGNORED = "ignored"
    """It is of another kind, or its recording is too short."""


class Recordings:
    """Turns announced files into replays.

    An event may be signed with any of the `callback_keys`: while a key is rotated there are two. `bizid` is the prefix
    of the stream ids; without it the prefix is any digits. Recordings shorter than `min_duration` seconds are ignored.
    """

    def __init__(
        self,
        db: Database,
        feeds: Feeds,
        limits: Limits,
        *,
        callback_keys: Sequence[str],
        bizid: str,
        min_duration: int,
    ) -> None:
        self._db = db
        self._feeds = feeds
        self._limits = limits
        self._callback_keys = callback_keys
        self._prefix = re.compile(rf"\A{re.escape(bizid) if bizid else '[0-9]+'}_")
        self._min_duration = min_duration

    async def receive(self, event: Mapping[str, Any], body: bytes, address: str) -> Outcome:
        """Take in an event, which came as `body`. Raises INVALID_PARAM or INVALID_TOKEN without a valid signature.

        Raises TOO_FREQUENT after many wrong signatures from the address: even a right one may be guessed then.

        An event with a valid signature is never refused: the live service would give up and the recording be lost.
        """
        await self._verify(event, address)
        return await self._deliver(event, body.decode(), _event_id(event))

    async def replay_undelivered(self) -> tuple[int, int]:
        """Deliver all kept events again. Returns how many were delivered and how many are still kept."""
        delivered = kept = 0
        last = ""
        while events := await undelivered.page(self._db, last, _REPLAY_BATCH):
            for event in events:
                if await self._deliver_again(event) is Outcome.KEPT:
                    kept += 1
                else:
                    await undelivered.forget(self._db, event.event_id)
                    delivered += 1
            last = events[-1].event_id
        return delivered, kept

    async def count_undelivered(self) -> int:
        """The number of kept events, 10,000 at most."""
        return await undelivered.count(self._db, _MAX_COUNTED)

    async def kept(self, index: int, count: int) -> list[KeptEvent]:
        """`count` kept events from offset `index`, the oldest first."""
        return await undelivered.oldest(self._db, index, count)

    async def find_kept(self, prefix: str) -> KeptEvent:
        """The kept event whose id begins so. Raises INVALID_PARAM when there is none, or more than one."""
        events = await undelivered.beginning_with(self._db, prefix, 2) if _is_hex(prefix) else []
        if len(events) != 1:
            raise ServiceError(
                Code.INVALID_PARAM, f"{'no' if not events else 'more than one'} kept event has an id that begins so"
            )
        return events[0]

    async def replay_kept(self, event: KeptEvent) -> bool:
        """Deliver a kept event again. False when it stays kept."""
        if await self._deliver_again(Undelivered(event.event_id, event.reason, event.body)) is Outcome.KEPT:
            return False
        await undelivered.forget(self._db, event.event_id)
        return True

    async def drop_kept(self, event: KeptEvent) -> None:
        """Forget a kept event: its recording becomes no replay."""
        await undelivered.forget(self._db, event.event_id)

    async def _deliver_again(self, event: Undelivered) -> Outcome:
        try:
            content = wire.decode(event.body.encode())
        except ValueError:  # the limit on nesting depends on the stack: the other events must not wait for this one
            log.warning("event kept", reason="the body is not JSON", event_id=event.event_id)
            return Outcome.KEPT
        return await self._deliver(content, event.body, event.event_id)

    async def _verify(self, event: Mapping[str, Any], address: str) -> None:
        signature = signature_of(event)
        expected = (signatures.callback_sign(key, signature.t) for key in self._callback_keys)
        genuine = any(hmac.compare_digest(signature.sign.encode(), each.encode()) for each in expected)
        if not genuine:
            await self._limits.wrong_signs.use(address)
            raise ServiceError(Code.INVALID_TOKEN, "sign: is not md5(callback key + t)")
        await self._limits.wrong_signs.use(address, 0)
        lateness = time.time() - int(signature.t)
        if lateness > MAX_LATENESS_S:
            raise ServiceError(
                Code.INVALID_TOKEN, f"t: is {lateness:.0f} s in the past, of which {MAX_LATENESS_S} are allowed"
            )
        if -lateness > MAX_AHEAD_S:
            raise ServiceError(Code.INVALID_TOKEN, f"t: is {-lateness:.0f} s ahead, of which {MAX_AHEAD_S} are allowed")

    async def _deliver(self, event: Mapping[str, Any], body: str, event_id: str) -> Outcome:
        try:
            recording = recording_of(event)
            if recording is None or recording.length < self._min_duration:
                return Outcome.IGNORED
            if recording.end_time > time.time() + MAX_AHEAD_S:  # it would lead the list until then
                raise ServiceError(Code.INVALID_PARAM, "end_time: is more than a day in the future")
            await self._store(recording)
        except ServiceError as error:
            log.warning("event kept", reason=error.message, event_id=event_id)
            await undelivered.keep(self._db, Undelivered(event_id, error.message, body))
            return Outcome.KEPT
        await self._feeds.bump(Feed.REPLAYS)
        await undelivered.forget(self._db, event_id)  # an earlier delivery; if this fails, the next one comes here
        return Outcome.STORED

    async def _store(self, recording: Recording) -> None:
        """Make the file part of a replay. Repeated and simultaneous calls change nothing. Raises NO_SUCH_USER."""
        userid = self._prefix.sub("", recording.stream_id, count=1)

        async def store(db: Queries) -> None:
            profile = await account.lock(db, userid)  # one recording of a user at a time
            if profile is None:
                raise ServiceError(Code.NO_SUCH_USER, "stream_id: names no user")
            if not await vod.has_file(db, userid, recording.file_id):
                await _add(db, profile, recording)

        await self._db.transaction(store)


def _event_id(event: Mapping[str, Any]) -> str:
    """An id that all deliveries of one event share: only its expiry and its signature are new at each."""
    content = {name: value for name, value in event.items() if name not in ("t", "sign")}
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


async def _add(db: Queries, profile: Profile, recording: Recording) -> None:
    start, end = _utc(recording.start_time), _utc(recording.end_time)
    around = await vod.files_around(db, profile.userid, start, end)
    replay = matching_replay(around, recording.file_format, start, end)
    file = vod.File(
        recording.file_id, replay or recording.file_id, recording.file_format, recording.video_url, start, end
    )
    await vod.insert_file(db, profile.userid, file)
    if replay is not None:
        files = [other for other in around if other.replay_file_id == replay]
        if not await vod.update_media(db, profile.userid, replay, media_of([*files, file])):
            await vod.clear_files(db, profile.userid, replay)  # the replay is deleted, and stays so
        return
    in_force = await room.in_force(db, profile.userid, min(start + _ROOM_DELAY, end + _REST_OF_SECOND))
    information = in_force or room.Room("", "", profile.frontcover)
    await vod.insert_replay(db, profile.userid, file.file_id, information, media_of([file]))


def matching_replay(files: Sequence[vod.File], file_format: str, start: datetime, end: datetime) -> str | None:
    """The replay of the same broadcast in another format, None when the file is a broadcast of its own.

    The replay must lack the format, and overlap with the file for at least half of the shorter of the two: consecutive
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
    """The media of the replay of one broadcast. The order in which its files came does not matter."""
    urls = {file.file_format: file.video_url for file in files}
    return vod.Media(
        play_url=next((urls[name] for name in _PLAY_FORMATS if name in urls), ""),
        hls_play_url=urls.get("hls", ""),
        start_time=min(file.start_time for file in files),
        create_time=max(file.end_time for file in files),
    )


def _utc(seconds: int) -> datetime:
    return datetime.fromtimestamp(seconds, UTC).replace(tzinfo=None)
