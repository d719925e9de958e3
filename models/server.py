"""The database server itself: its version and clock, the migrations that have run, and the rights of our user."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

from models.database import Queries
from models.errors import StoreError

_MIGRATIONS = Path(__file__).parent / "migrations"


class Server(NamedTuple):
    """The server's own account of itself, and whether our `user` may also change and drop tables."""

    version: str
    max_connections: int
    time: datetime
    user: str
    may_do_everything: bool


async def describe(db: Queries) -> Server:
    """Ask the server."""
    rows = await db.fetch_all("SELECT VERSION(), @@max_connections, UTC_TIMESTAMP(6), CURRENT_USER()")
    version, max_connections, time, user = rows[0]
    grants = await db.fetch_all("SHOW GRANTS")
    may_do_everything = any(grant.startswith("GRANT ALL PRIVILEGES") for (grant,) in grants)
    return Server(version, max_connections, time.replace(tzinfo=UTC), user, may_do_everything)


async def missing_migrations(db: Queries) -> list[str]:
    """The migrations of this version that have not run. Raises StoreError when none has ever run."""
    applied = {name for (name,) in await db.fetch_all("SELECT migration_id FROM _yoyo_migration")}
    return sorted({path.stem for path in _MIGRATIONS.glob("*.sql")} - applied)


async def refused_statements(db: Queries) -> AsyncIterator[StoreError]:
    """The errors of the statements that the server needs and may not run. They touch no row."""
    tables = await db.fetch_all(
        """
        SELECT table_name, column_name FROM information_schema.columns
        WHERE table_schema = DATABASE() AND table_name LIKE 'tb\\_%%' AND ordinal_position = 1 ORDER BY table_name
        """
    )
    for table, column in tables:
        for statement in (
            f"SELECT 1 FROM {table} LIMIT 1",  # noqa: S608 - the names are our own tables'
            f"INSERT INTO {table} SELECT * FROM {table} WHERE FALSE",  # noqa: S608
            f"UPDATE {table} SET {column} = {column} WHERE FALSE",  # noqa: S608
            f"DELETE FROM {table} WHERE FALSE",  # noqa: S608
        ):
            try:
                await db.execute(statement)
            except StoreError as error:
                yield error
