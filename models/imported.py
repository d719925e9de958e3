"""tb_imported: the rows of official servers that have been imported."""

from collections.abc import Collection

from models import rows
from models.database import Queries
from models.keys import KEYS, Key, as_json


async def known(db: Queries, source: str, table: str, keys: Collection[Key]) -> set[Key]:
    """Those of the keys that have been imported from a table of this source."""
    found = await db.fetch_all(
        f"""
        SELECT k.userid, k.detail FROM {KEYS}
        STRAIGHT_JOIN tb_imported i
        ON i.source = %s AND i.source_table = %s AND i.userid = k.userid AND i.detail = k.detail
        """,  # noqa: S608 - no value in the text
        (as_json(keys), source, table),
    )
    return {Key(*row) for row in found}


async def add(db: Queries, source: str, table: str, keys: Collection[Key]) -> None:
    """Remember imported rows. Raises DuplicateKey when another import was faster."""
    columns = ("source", "source_table", "userid", "detail")
    await rows.insert_many("tb_imported", columns, db, [(source, table, *key) for key in keys])
