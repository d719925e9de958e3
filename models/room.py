"""tb_room: the history of the users' room information."""

import time
from collections.abc import Iterable
from datetime import datetime
from functools import partial
from typing import NamedTuple

from models import rows
from models.database import Queries
from models.keys import KEYS, Key, as_json


class Room(NamedTuple):
    """The part of a replay that comes from room information."""

    title: str
    location: str
    frontcover: str


class NewRoom(NamedTuple):
    """Room information to be added, with the time (UTC) since which it is in force."""

    userid: str
    title: str
    location: str
    frontcover: str
    create_time: datetime


class Place(NamedTuple):
    """The place of a row in the order of age."""

    create_time: datetime
    id: int


REPEATED_WITHIN_S = 60
"""The same room information again within this time (seconds) is a retry after a lost answer."""

FIRST = Place(datetime(1970, 1, 1), 0)
"""Before every row."""


class AgedRoom(NamedTuple):
    """An old row; `superseded` when the user has a newer one."""

    userid: str
    place: Place
    superseded: bool


delete_of = partial(rows.delete_of, "tb_room")
count_of = partial(rows.count_of, "tb_room")


async def insert(db: Queries, userid: str, title: str, location: str, frontcover: str | None) -> bool:
    """Add room information; without a frontcover the profile's.

    False when there is no such user, or the user's newest room information is the same and not older than a minute.
    The lock on the account lets a repetition wait for the one before.
    Texts are compared as bytes: for the collation, spaces at the end do not count.
    """
    inserted = await db.execute(
        f"""
        INSERT INTO tb_room (userid, id, title, location, frontcover)
        SELECT a.userid, %s, %s, %s, COALESCE(%s, a.frontcover) FROM tb_account a
        WHERE a.userid = %s AND a.deleted_at IS NULL AND (
          SELECT CAST(r.title AS BINARY) = %s AND CAST(r.location AS BINARY) = %s
            AND r.frontcover = COALESCE(%s, a.frontcover)
            AND r.create_time > NOW(6) - INTERVAL {REPEATED_WITHIN_S} SECOND
          FROM tb_room r FORCE INDEX (in_force) WHERE r.userid = a.userid
          ORDER BY r.create_time DESC, r.id DESC LIMIT 1
        ) IS NOT TRUE
        FOR UPDATE
        """,  # noqa: S608 - a constant
        (time.time_ns(), title, location, frontcover, userid, title, location, frontcover),
        prepared=True,
    )
    return inserted > 0


async def in_force(db: Queries, userid: str, at: datetime) -> Room | None:
    """The newest room information that is not later than `at` (UTC)."""
    row = await db.fetch_one(
        """
        SELECT title, location, frontcover FROM tb_room
        WHERE userid = %s AND create_time <= %s
        ORDER BY create_time DESC, id DESC LIMIT 1
        """,
        (userid, at),
    )
    return Room(*row) if row else None


async def older(db: Queries, before: datetime, after: Place, count: int) -> list[AgedRoom]:
    """The next `count` rows behind a place that are older than a time (UTC), the oldest first."""
    found = await db.fetch_all(
        """
        SELECT r.userid, r.create_time, r.id, EXISTS (
          SELECT 1 FROM tb_room n FORCE INDEX (in_force)
          WHERE n.userid = r.userid
            AND n.create_time >= r.create_time AND (n.create_time > r.create_time OR n.id > r.id)
        )
        FROM tb_room r FORCE INDEX (by_age)
        WHERE r.create_time < %s AND r.create_time >= %s AND (r.create_time > %s OR r.id > %s)
        ORDER BY r.create_time, r.id LIMIT %s
        """,
        (before, after.create_time, after.create_time, after.id, count),
    )
    return [AgedRoom(userid, Place(*place), bool(superseded)) for userid, *place, superseded in found]


async def delete(db: Queries, keys: Iterable[Key]) -> int:
    """Delete the rows with these keys (userid and id). Returns how many there were."""
    return await db.execute(
        f"DELETE t FROM {KEYS} STRAIGHT_JOIN tb_room t ON t.userid = k.userid AND t.id = CAST(k.detail AS UNSIGNED)",
        (as_json(keys),),
    )


existing = partial(rows.existing, "tb_room", "t.create_time = CAST(k.detail AS DATETIME(6))")
"""Those of the keys that exist. `detail` is the create_time in ISO 8601."""


insert_many = partial(rows.insert_many, "tb_room", NewRoom._fields)
"""Add room information to the users' histories."""
