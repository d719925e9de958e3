"""tb_probe: rows that exist to be written."""

from models.database import Queries


async def write(db: Queries, number: int) -> None:
    """Return when the database has written the row of that number."""
    await db.execute(
        """
        INSERT INTO tb_probe (id, written_time) VALUES (%s, UTC_TIMESTAMP(6))
        ON DUPLICATE KEY UPDATE written_time = UTC_TIMESTAMP(6)
        """,
        (number,),
    )
