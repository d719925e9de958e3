"""A statement that shows whether the database can serve."""

from models.database import Queries


async def probe(db: Queries) -> None:
    """Return when the database answers and has its tables."""
    await db.fetch_one("SELECT 1 FROM tb_undelivered_callback LIMIT 1")
