"""Statements that several tables share. `table`, `columns` and `condition` are our own texts, never from outside."""

from collections.abc import Collection, Sequence
from typing import Any

from models.database import Queries, placeholders
from models.keys import KEYS, Key, as_json


def conditions(userid: str | None, hidden: bool) -> tuple[str, list[str]]:
    """The WHERE clause, and its values: rows of one user or of all, with the hidden ones or without."""
    parts = [*([] if hidden else ["hidden = FALSE"]), *([] if userid is None else ["userid = %s"])]
    return f"WHERE {' AND '.join(parts)}" if parts else "", [] if userid is None else [userid]


async def delete_of(table: str, db: Queries, userid: str, count: int) -> int:
    """Delete up to `count` rows of a user. Returns how many there were."""
    return await db.execute(f"DELETE FROM {table} WHERE userid = %s LIMIT %s", (userid, count))  # noqa: S608


async def count_of(table: str, db: Queries, userid: str) -> int:
    """The number of a user's rows."""
    row = await db.fetch_one(f"SELECT COUNT(*) FROM {table} WHERE userid = %s", (userid,))  # noqa: S608
    return int(row[0]) if row else 0


async def delete_row(table: str, db: Queries, userid: str, file_id: str) -> int:
    """Delete the row of a file. Returns 0 when there is none."""
    return await db.execute(f"DELETE FROM {table} WHERE userid = %s AND file_id = %s", (userid, file_id))  # noqa: S608


async def set_hidden(table: str, db: Queries, userid: str, file_id: str, hidden: bool) -> bool:
    """Hide a row from its list, or show it again. False when there is none."""
    sql = f"UPDATE {table} SET hidden = %s WHERE userid = %s AND file_id = %s"  # noqa: S608
    return await db.execute(sql, (hidden, userid, file_id)) > 0


async def existing(table: str, condition: str, db: Queries, keys: Collection[Key]) -> set[Key]:
    """Those of the keys `k` for which the table `t` has a row of the user that also fits the condition."""
    found = await db.fetch_all(
        f"SELECT k.userid, k.detail FROM {KEYS} STRAIGHT_JOIN {table} t ON t.userid = k.userid AND {condition}",  # noqa: S608
        (as_json(keys),),
    )
    return {Key(*row) for row in found}


async def insert_many(table: str, columns: Sequence[str], db: Queries, rows: Sequence[Sequence[Any]]) -> None:
    """Insert rows in one statement. Raises DuplicateKey, and inserts none, when the table has one of their keys."""
    marks = f"({placeholders(columns)})"
    await db.execute(
        f"INSERT INTO {table} ({', '.join(columns)}) VALUES {', '.join([marks] * len(rows))}",  # noqa: S608
        [value for row in rows for value in row],
    )
