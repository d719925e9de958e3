"""tb_imported: the rows of official servers that have been imported."""

from collections.abc import Collection

from models import rows
from models.database import Queries
from models.keys import KEYS, Key, as_json

_DELETED = "deleted"


async def known(db: Queries, source: str, table: str, keys: Collection[Key]) -> set[Key]:
    """Those of the keys that have been imported from a table of this source, and whose user was not deleted here."""
    return await _found(db, source, table, keys)


async def deleted(db: Queries, source: str, users: Collection[Key]) -> set[Key]:
    """Those of the users that have been imported from this source and deleted here."""
    return await _found(db, source, _DELETED, users)


async def _found(db: Queries, source: str, table: str, keys: Collection[Key]) -> set[Key]:
    found = await db.fetch_all(
        f"""
        SELECT k.userid, k.detail FROM {KEYS}
        STRAIGHT_JOIN tb_imported i
        ON i.source = %s AND i.source_table = %s AND i.userid = k.userid AND i.detail = k.detail
        LOCK IN SHARE MODE
        """,  # noqa: S608 - no value in the text
        (as_json(keys), source, table),
    )
    return {Key(*row) for row in found}


async def add(db: Queries, source: str, table: str, keys: Collection[Key]) -> None:
    """Remember imported rows. Raises DuplicateKey when another import was faster."""
    columns = ("source", "source_table", "userid", "detail")
    await rows.insert_many("tb_imported", columns, db, [(source, table, *key) for key in keys])


async def mark_deleted(db: Queries, userid: str) -> None:
    """Remember that the account is deleted here. It does not come back, and who registers the name is somebody else."""
    await db.execute(
        "UPDATE tb_imported SET source_table = %s WHERE userid = %s AND source_table = 'tb_account'", (_DELETED, userid)
    )
