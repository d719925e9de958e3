"""tb_undelivered_callback: recording events that belong to no known user, kept as they came."""

from typing import NamedTuple

from models.database import Queries


class Undelivered(NamedTuple):
    """An event and its key."""

    stream_id: str
    file_id: str
    body: str


async def keep(db: Queries, event: Undelivered) -> None:
    """Keep an event; the same file of the same stream once only."""
    await db.execute(
        """
        INSERT INTO tb_undelivered_callback (stream_id, file_id, body) VALUES (%s, %s, %s)
        ON DUPLICATE KEY UPDATE body = %s
        """,
        (*event, event.body),
    )


async def page(db: Queries, after: tuple[str, str], count: int) -> list[Undelivered]:
    """The next `count` kept events behind the key `after` (stream_id, file_id)."""
    rows = await db.fetch_all(
        """
        SELECT stream_id, file_id, body FROM tb_undelivered_callback
        WHERE (stream_id, file_id) > (%s, %s) ORDER BY stream_id, file_id LIMIT %s
        """,
        (*after, count),
    )
    return [Undelivered(*row) for row in rows]


async def forget(db: Queries, stream_id: str, file_id: str) -> None:
    """Drop an event that has been delivered."""
    await db.execute("DELETE FROM tb_undelivered_callback WHERE stream_id = %s AND file_id = %s", (stream_id, file_id))
