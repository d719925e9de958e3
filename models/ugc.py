"""tb_ugc: short videos that users published."""

from datetime import datetime
from functools import partial
from typing import NamedTuple

from models import rows
from models.database import Queries


class Video(NamedTuple):
    """A short video without its author."""

    file_id: str
    title: str
    frontcover: str
    location: str
    play_url: str


class ListedVideo(NamedTuple):
    """One line of the video list: a short video with its author's current profile."""

    userid: str
    nickname: str
    avatar: str
    file_id: str
    title: str
    frontcover: str
    location: str
    play_url: str
    create_time: datetime


class NewVideo(NamedTuple):
    """A short video to be added."""

    userid: str
    file_id: str
    title: str
    location: str
    frontcover: str
    play_url: str
    create_time: datetime


class Item(NamedTuple):
    """A short video as an operator sees it; times are UTC."""

    userid: str
    file_id: str
    title: str
    location: str
    frontcover: str
    play_url: str
    create_time: datetime
    hidden: int


delete_of = partial(rows.delete_of, "tb_ugc")
count_of = partial(rows.count_of, "tb_ugc")
delete_row = partial(rows.delete_row, "tb_ugc")
set_hidden = partial(rows.set_hidden, "tb_ugc")


async def upsert(db: Queries, userid: str, video: Video) -> bool:
    """Publish a video, or replace the user's video with this file_id, which keeps its create_time and stays hidden.

    False when there is no such user.
    """
    found = await db.execute(
        """
        INSERT INTO tb_ugc (userid, file_id, title, frontcover, location, play_url)
        SELECT userid, %s, %s, %s, %s, %s FROM tb_account WHERE userid = %s AND deleted_at IS NULL
        ON DUPLICATE KEY UPDATE title = %s, frontcover = %s, location = %s, play_url = %s
        """,
        (*video, userid, *video[1:]),
        prepared=True,
    )
    return found > 0


async def newest(db: Queries, index: int, count: int) -> list[ListedVideo]:
    """`count` videos from offset `index`, newest first; read as in `vod.newest`."""
    found = await db.fetch_all(
        """
        SELECT u.userid, a.nickname, a.avatar, u.file_id, u.title, u.frontcover, u.location,
               u.play_url, u.create_time
        FROM (
          SELECT userid, file_id FROM tb_ugc FORCE INDEX (newest_shown) WHERE hidden = FALSE
          ORDER BY create_time DESC, file_id DESC, userid DESC LIMIT %s OFFSET %s
        ) page
        STRAIGHT_JOIN tb_ugc u FORCE INDEX (PRIMARY) ON u.userid = page.userid AND u.file_id = page.file_id
        STRAIGHT_JOIN tb_account a FORCE INDEX (PRIMARY) ON a.userid = u.userid
        ORDER BY u.create_time DESC, u.file_id DESC, u.userid DESC
        """,
        (count, index),
    )
    return [ListedVideo(*row) for row in found]


async def count(db: Queries, maximum: int) -> int:
    """The number of videos that are listed, or the maximum."""
    row = await db.fetch_one(
        """
        SELECT COUNT(*) FROM (
          SELECT 1 FROM tb_ugc FORCE INDEX (newest_shown) WHERE hidden = FALSE LIMIT %s
        ) listed
        """,
        (maximum,),
    )
    return int(row[0]) if row else 0


async def estimate(db: Queries) -> int:
    """The number of videos as InnoDB estimates it, with the hidden ones."""
    row = await db.fetch_one(
        "SELECT table_rows FROM information_schema.tables WHERE table_schema = DATABASE() AND table_name = 'tb_ugc'"
    )
    return int(row[0]) if row else 0


async def items(db: Queries, userid: str | None, hidden: bool, index: int, count: int) -> list[Item]:
    """As `vod.items`."""
    where, args = rows.conditions(userid, hidden)
    found = await db.fetch_all(
        f"""
        SELECT userid, file_id, title, location, frontcover, play_url, create_time, hidden
        FROM tb_ugc {where} ORDER BY create_time DESC, file_id DESC, userid DESC LIMIT %s OFFSET %s
        """,  # noqa: S608 - no value in the text
        (*args, count, index),
    )
    return [Item(*row) for row in found]


existing = partial(rows.existing, "tb_ugc", "t.file_id = k.detail")
"""Those of the keys that exist. `detail` is the file_id."""


insert_many = partial(rows.insert_many, "tb_ugc", NewVideo._fields)
"""Add short videos. Raises DuplicateKey, and adds none, when one is there already."""
