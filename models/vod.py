"""tb_vod: replays of past broadcasts, and tb_vod_file: the recorded files they consist of."""

from collections.abc import Collection, Sequence
from datetime import datetime
from functools import partial
from typing import NamedTuple

from models import rows
from models.database import Queries
from models.keys import KEYS, Key, as_json

# Bounds the query. A user hardly has more files in the time of one broadcast.
_MAX_FILES = 500


class ListedReplay(NamedTuple):
    """One line of the replay list: a replay with its author's current profile."""

    userid: str
    nickname: str
    avatar: str
    file_id: str
    title: str
    like_count: int
    viewer_count: int
    frontcover: str
    location: str
    play_url: str
    create_time: datetime
    hls_play_url: str
    start_time: datetime


class File(NamedTuple):
    """A recorded file. `replay_file_id` names its replay, times are UTC."""

    file_id: str
    replay_file_id: str
    file_format: str
    video_url: str
    start_time: datetime
    end_time: datetime


class Media(NamedTuple):
    """The columns of a replay that come from its files."""

    play_url: str
    hls_play_url: str
    start_time: datetime
    create_time: datetime


class NewReplay(NamedTuple):
    """A replay to be added."""

    userid: str
    file_id: str
    title: str
    location: str
    frontcover: str
    like_count: int
    viewer_count: int
    play_url: str
    hls_play_url: str
    start_time: datetime
    create_time: datetime


class Item(NamedTuple):
    """A replay as an operator sees it; times are UTC."""

    userid: str
    file_id: str
    title: str
    location: str
    frontcover: str
    play_url: str
    hls_play_url: str
    start_time: datetime
    create_time: datetime
    hidden: int


delete_replays_of = partial(rows.delete_of, "tb_vod")
delete_files_of = partial(rows.delete_of, "tb_vod_file")
count_replays_of = partial(rows.count_of, "tb_vod")
delete_row = partial(rows.delete_row, "tb_vod")
set_hidden = partial(rows.set_hidden, "tb_vod")


async def newest(db: Queries, index: int, count: int, since: datetime | None) -> list[ListedReplay]:
    """`count` replays from offset `index`, newest first; only those created at or after `since` (UTC).

    The index alone finds the page, so that the rows before a deep offset are not read. The indexes are forced: with few
    rows the optimizer would sort them all, and the plan must not depend on their number.
    """
    found = await db.fetch_all(
        f"""
        SELECT v.userid, a.nickname, a.avatar, v.file_id, v.title, v.like_count, v.viewer_count,
               v.frontcover, v.location, v.play_url, v.create_time, v.hls_play_url, v.start_time
        FROM (
          SELECT userid, file_id FROM tb_vod FORCE INDEX (newest_shown)
          WHERE hidden = FALSE {"AND create_time >= %s" if since else ""}
          ORDER BY create_time DESC, file_id DESC, userid DESC LIMIT %s OFFSET %s
        ) page
        STRAIGHT_JOIN tb_vod v FORCE INDEX (PRIMARY) ON v.userid = page.userid AND v.file_id = page.file_id
        STRAIGHT_JOIN tb_account a FORCE INDEX (PRIMARY) ON a.userid = v.userid
        ORDER BY v.create_time DESC, v.file_id DESC, v.userid DESC
        """,  # noqa: S608 - no value in the text
        (*((since,) if since else ()), count, index),
    )
    return [ListedReplay(*row) for row in found]


async def has_file(db: Queries, userid: str, file_id: str) -> bool:
    """True when the file is part of a replay. An imported replay has no files but itself."""
    row = await db.fetch_one(
        """
        SELECT 1 FROM tb_vod_file WHERE userid = %s AND file_id = %s
        UNION ALL SELECT 1 FROM tb_vod WHERE userid = %s AND file_id = %s LIMIT 1
        """,
        (userid, file_id, userid, file_id),
    )
    return row is not None


async def files_around(db: Queries, userid: str, start: datetime, end: datetime) -> list[File]:
    """All files of those of the user's replays that have a file whose time touches [start, end]."""
    found = await db.fetch_all(
        """
        SELECT DISTINCT f.file_id, f.replay_file_id, f.file_format, f.video_url, f.start_time, f.end_time
        FROM tb_vod_file near
        JOIN tb_vod_file f ON f.userid = near.userid AND f.replay_file_id = near.replay_file_id
        WHERE near.userid = %s AND near.end_time >= %s AND near.start_time <= %s LIMIT %s
        """,
        (userid, start, end, _MAX_FILES),
    )
    return [File(*row) for row in found]


async def insert_file(db: Queries, userid: str, file: File) -> None:
    """Add a recorded file."""
    await db.execute(
        """
        INSERT INTO tb_vod_file
          (userid, file_id, replay_file_id, file_format, video_url, start_time, end_time)
        VALUES (%s, %s, %s, %s, %s, %s, %s)
        """,
        (userid, *file),
    )


async def insert_replay(db: Queries, userid: str, file_id: str, room: Sequence[str], media: Media) -> None:
    """Add a replay; `room` is (title, location, frontcover)."""
    await db.execute(
        """
        INSERT INTO tb_vod
          (userid, file_id, title, location, frontcover, play_url, hls_play_url, start_time, create_time)
        VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s)
        """,
        (userid, file_id, *room, *media),
    )


async def update_media(db: Queries, userid: str, file_id: str, media: Media) -> bool:
    """Set the columns of a replay that come from its files. False when the replay is deleted."""
    found = await db.execute(
        """
        UPDATE tb_vod SET play_url = %s, hls_play_url = %s, start_time = %s, create_time = %s
        WHERE userid = %s AND file_id = %s
        """,
        (*media, userid, file_id),
    )
    return found > 0


async def has_replay(db: Queries, userid: str, file_id: str) -> bool:
    """True when there is the replay."""
    row = await db.fetch_one("SELECT 1 FROM tb_vod WHERE userid = %s AND file_id = %s", (userid, file_id))
    return row is not None


async def delete_replay(db: Queries, userid: str, file_id: str) -> bool:
    """Delete a replay inside a transaction, and keep only the ids and the times of its files. False without one.

    So no other delivery of the files, and no file in another format, brings it back.
    """
    await db.execute(
        """
        INSERT INTO tb_vod_file (userid, file_id, replay_file_id, file_format, video_url, start_time, end_time)
        SELECT userid, file_id, file_id, 'mp4', '', start_time, create_time FROM tb_vod
        WHERE userid = %s AND file_id = %s
        ON DUPLICATE KEY UPDATE video_url = ''
        """,  # an imported replay has no files
        (userid, file_id),
    )
    await clear_files(db, userid, file_id)
    return await delete_row(db, userid, file_id) > 0


async def clear_files(db: Queries, userid: str, replay_file_id: str) -> None:
    """Take their addresses from the files of a replay that is deleted."""
    await db.execute(
        """
        UPDATE tb_vod_file SET video_url = '', deleted_at = UTC_TIMESTAMP() WHERE userid = %s AND replay_file_id = %s
        """,
        (userid, replay_file_id),
    )


async def items(db: Queries, userid: str | None, hidden: bool, index: int, count: int) -> list[Item]:
    """`count` replays from offset `index`, newest first: of one user or of all, with the hidden ones or without."""
    where, args = rows.conditions(userid, hidden)
    found = await db.fetch_all(
        f"""
        SELECT userid, file_id, title, location, frontcover, play_url, hls_play_url, start_time, create_time, hidden
        FROM tb_vod {where} ORDER BY create_time DESC, file_id DESC, userid DESC LIMIT %s OFFSET %s
        """,  # noqa: S608 - no value in the text
        (*args, count, index),
    )
    return [Item(*row) for row in found]


async def older(db: Queries, before: datetime, count: int) -> list[tuple[str, str]]:
    """Userid and file_id of up to `count` replays created before a time (UTC), the oldest first."""
    found = await db.fetch_all(
        """
        SELECT userid, file_id FROM tb_vod FORCE INDEX (newest) WHERE create_time < %s
        ORDER BY create_time, file_id, userid LIMIT %s
        """,
        (before, count),
    )
    return [(userid, file_id) for userid, file_id in found]


async def delete_files_of_replay(db: Queries, userid: str, file_id: str) -> int:
    """Delete the files of a replay. Returns how many there were."""
    return await db.execute("DELETE FROM tb_vod_file WHERE userid = %s AND replay_file_id = %s", (userid, file_id))


async def delete_cleared_files(db: Queries, before: datetime, count: int) -> int:
    """Delete up to `count` files of replays that were deleted before a time (UTC). Returns how many there were."""
    return await db.execute(
        "DELETE FROM tb_vod_file WHERE deleted_at < %s ORDER BY deleted_at LIMIT %s", (before, count)
    )


async def existing(db: Queries, keys: Collection[Key]) -> set[Key]:
    """Those of the keys that exist, as replays or as files of replays. `detail` is the file_id."""
    found = [await rows.existing(table, "t.file_id = k.detail", db, keys) for table in ("tb_vod", "tb_vod_file")]
    return set().union(*found)


insert_many = partial(rows.insert_many, "tb_vod", NewReplay._fields)
"""Add replays. Raises DuplicateKey, and adds none, when one is there already."""


async def insert_files(db: Queries, files: Sequence[tuple[str, File]]) -> None:
    """Add recorded files of users."""
    await rows.insert_many("tb_vod_file", ("userid", *File._fields), db, [(userid, *file) for userid, file in files])


async def addresses(db: Queries, keys: Collection[Key]) -> dict[Key, tuple[str, str]]:
    """play_url and hls_play_url of those of the replays that exist."""
    found = await db.fetch_all(
        f"""
        SELECT v.userid, v.file_id, v.play_url, v.hls_play_url FROM {KEYS}
        STRAIGHT_JOIN tb_vod v ON v.userid = k.userid AND v.file_id = k.detail
        """,  # noqa: S608 - no value in the text
        (as_json(keys),),
    )
    return {Key(row[0], row[1]): (row[2], row[3]) for row in found}


async def add_addresses(db: Queries, replay: NewReplay) -> None:
    """Set those of the addresses of a replay that are missing."""
    await db.execute(
        """
        UPDATE tb_vod SET play_url = IF(play_url = '', %s, play_url),
                          hls_play_url = IF(hls_play_url = '', %s, hls_play_url)
        WHERE userid = %s AND file_id = %s
        """,
        (replay.play_url, replay.hls_play_url, replay.userid, replay.file_id),
    )
