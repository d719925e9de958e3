"""tb_undelivered_callback: recording events that could not be used, kept as they came."""

from datetime import datetime
from typing import NamedTuple

from models.database import Queries


class Undelivered(NamedTuple):
    """A kept event. All deliveries of one event share the `event_id` (64 hex digits)."""

    event_id: str
    reason: str
    body: str


class KeptEvent(NamedTuple):
    """An event as an operator sees it. `create_time` is the time of its first delivery (UTC)."""

    event_id: str
    reason: str
    body: str
    create_time: datetime


async def keep(db: Queries, event: Undelivered) -> None:
    """Keep an event. Of several deliveries the last one stays."""
    await db.execute(
        """
        INSERT INTO tb_undelivered_callback (event_id, reason, body) VALUES (%s, %s, %s)
        ON DUPLICATE KEY UPDATE reason = %s, body = %s
        """,
        (*event, event.reason, event.body),
    )


async def page(db: Queries, after: str, count: int) -> list[Undelivered]:
    """The next `count` kept events behind an event_id, in the order of their ids."""
    rows = await db.fetch_all(
        """
        SELECT event_id, reason, body FROM tb_undelivered_callback
        WHERE event_id > %s ORDER BY event_id LIMIT %s
        """,
        (after, count),
    )
    return [Undelivered(*row) for row in rows]


async def count(db: Queries, at_most: int) -> int:
    """The number of kept events; a longer table counts as `at_most`."""
    row = await db.fetch_one(
        "SELECT COUNT(*) FROM (SELECT 1 FROM tb_undelivered_callback LIMIT %s) AS kept", (at_most,)
    )
    return int(row[0]) if row else 0


async def oldest(db: Queries, index: int, count: int) -> list[KeptEvent]:
    """`count` kept events from offset `index`, the oldest first."""
    rows = await db.fetch_all(
        """
        SELECT event_id, reason, body, create_time FROM tb_undelivered_callback
        ORDER BY create_time, event_id LIMIT %s OFFSET %s
        """,
        (count, index),
    )
    return [KeptEvent(*row) for row in rows]


async def beginning_with(db: Queries, prefix: str, count: int) -> list[KeptEvent]:
    """Up to `count` kept events whose ids begin with these hex digits."""
    rows = await db.fetch_all(
        """
        SELECT event_id, reason, body, create_time FROM tb_undelivered_callback
        WHERE event_id >= %s AND event_id <= %s ORDER BY event_id LIMIT %s
        """,
        (prefix, prefix.ljust(64, "f"), count),
    )
    return [KeptEvent(*row) for row in rows]


async def forget(db: Queries, event_id: str) -> None:
    """Drop an event."""
    await db.execute("DELETE FROM tb_undelivered_callback WHERE event_id = %s", (event_id,))


async def delete_older(db: Queries, before: datetime, count: int) -> int:
    """Delete up to `count` events that came before a time (UTC), the oldest first. Returns how many there were."""
    return await db.execute(
        "DELETE FROM tb_undelivered_callback WHERE create_time < %s ORDER BY create_time LIMIT %s", (before, count)
    )
