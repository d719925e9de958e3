"""tb_room: the history of the users' room information."""

from datetime import datetime
from typing import NamedTuple

from models.database import Queries


class Room(NamedTuple):
    """The part of a replay that comes from room information."""

    title: str
    location: str
    frontcover: str


async def insert(db: Queries, userid: str, title: str, location: str, frontcover: str | None) -> bool:
    """Add room information; without a frontcover the profile's. False when there is no such user."""
    inserted = await db.execute(
        """
        INSERT INTO tb_room (userid, title, location, frontcover)
        SELECT userid, %s, %s, COALESCE(%s, frontcover) FROM tb_account
        WHERE userid = %s AND deleted_at IS NULL
        """,
        (title, location, frontcover, userid),
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


async def delete_of(db: Queries, userid: str, count: int) -> int:
    """Delete up to `count` rows of a user. Returns how many there were."""
    return await db.execute("DELETE FROM tb_room WHERE userid = %s LIMIT %s", (userid, count))


async def count_of(db: Queries, userid: str) -> int:
    """The number of a user's rows."""
    row = await db.fetch_one("SELECT COUNT(*) FROM tb_room WHERE userid = %s", (userid,))
    return int(row[0]) if row else 0
