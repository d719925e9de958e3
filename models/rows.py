"""Statements that several tables share. `table` and `columns` are our own names, never a value from outside."""

from collections.abc import Sequence
from typing import Any, TypeVar

from models.database import Queries, placeholders

R = TypeVar("R", bound=tuple[Any, ...])


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


async def missing(db: Queries, table: str, key: Sequence[str], rows: Sequence[R]) -> list[R]:
    """Those rows that the table does not have: they begin with the columns of its primary key."""
    keys = [tuple(row[: len(key)]) for row in rows]
    columns = ", ".join(key)
    found = await db.fetch_all(f"SELECT {columns} FROM {table} WHERE ({columns}) IN ({_tuples(keys)})", _flat(keys))  # noqa: S608
    present = {tuple(row) for row in found}
    return [row for row, row_key in zip(rows, keys, strict=True) if row_key not in present]


async def insert_rows(db: Queries, table: str, columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
    """Insert rows in one statement. One that somebody else has inserted meanwhile stays as it is."""
    await db.execute(
        f"INSERT INTO {table} ({', '.join(columns)}) VALUES {_tuples(rows)}"  # noqa: S608
        f" ON DUPLICATE KEY UPDATE {columns[0]} = {table}.{columns[0]}",
        _flat(rows),
    )


def _tuples(rows: Sequence[Sequence[Any]]) -> str:
    return ", ".join(f"({placeholders(row)})" for row in rows)


def _flat(rows: Sequence[Sequence[Any]]) -> list[Any]:
    return [value for row in rows for value in row]
