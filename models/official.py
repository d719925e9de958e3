"""The database of an official server, of which we know the tables' names and may miss columns. It is only read.

The PHP server's tables are in its createDB.sh, the Node server's in its scripts/voddemosqls.sql (docs/MIGRATION.md).
"""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any, NamedTuple, Self
from zoneinfo import ZoneInfo

import aiomysql
import pymysql

from models.database import Row, translated
from models.driver import DriverConnection

# Of the network, for the next rows. A target that is slow for minutes does not end the stream.
_TIMEOUT_S = 60
_SERVER_TIMEOUT_S = 3600

# One snapshot for all tables, of a server that goes on serving. A zero date is read whatever the sql_mode.
# `/*M! */` is read by MariaDB only, `/*!50708 */` by MySQL only: no time limit of the server ends a long SELECT.
_SESSION = (
    "SET time_zone = '+00:00', sql_mode = '', "
    f"net_write_timeout = {_SERVER_TIMEOUT_S}, wait_timeout = {_SERVER_TIMEOUT_S} "
    "/*M! , max_statement_time = 0 */ /*!50708 , max_execution_time = 0 */"
)
_ISOLATION = "SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ"  # READ COMMITTED has no snapshot
_SNAPSHOT = "START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY"


class Column(NamedTuple):
    """`charset` and `collation` are None for a column that is no text."""

    data_type: str
    charset: str | None
    collation: str | None


Columns = dict[str, Column]


class OfficialDatabase:
    """Raises the errors of `models.errors`. A time without a zone of its own (DATETIME) is in `timezone`."""

    def __init__(self, connection: aiomysql.Connection, name: str, timezone: ZoneInfo) -> None:
        self._connection = connection
        self._timezone = timezone
        self.name = name

    @classmethod
    @asynccontextmanager
    async def open(cls, arguments: dict[str, Any], timezone: ZoneInfo) -> AsyncIterator[Self]:
        """Connect, and read everything as it is at this moment."""
        connection = DriverConnection(**arguments, charset="utf8mb4", init_command=_SESSION)
        try:
            async with _translated_errors("connect"), asyncio.timeout(_TIMEOUT_S):
                await connection._connect()
                cursor = await connection.cursor()
                await cursor.execute(_ISOLATION)
                await cursor.execute(_SNAPSHOT)
            yield cls(connection, arguments["db"], timezone)
        finally:
            connection.quit()  # the snapshot would keep the tables from being changed

    async def columns(self, table: str) -> Columns:
        """The columns of a table by their names in lower case; none when there is no such table, or no right to it."""
        rows = await self._fetch_all(
            """
            SELECT column_name, data_type, character_set_name, collation_name
            FROM information_schema.columns WHERE table_schema = DATABASE() AND table_name = %s
            """,
            (table,),
        )
        return {name.lower(): Column(*rest) for name, *rest in rows}

    async def count(self, table: str) -> int:
        """The number of rows of a table."""
        rows = await self._fetch_all(f"SELECT COUNT(*) FROM {table}")  # noqa: S608 - one of our names
        return int(rows[0][0])

    async def accounts(self, columns: Sequence[str], size: int) -> AsyncIterator[list[dict[str, Any]]]:
        """The rows of tb_account, `size` at a time: text, numbers, times in UTC. A missing column is None."""
        found = await self.columns("tb_account")
        sql = f"SELECT {_expressions(columns, found)} FROM tb_account t"  # noqa: S608 - our own names
        async for rows in self._stream(sql, columns, found, size):
            yield rows

    async def contents(self, table: str, columns: Sequence[str], size: int) -> AsyncIterator[list[dict[str, Any]]]:
        """The rows of a table of users' contents, as `accounts`.

        `owner` is the userid of the account as tb_account has it, None without an account. The source decides whether
        userids are the same: usually it ignores their case and spaces behind them.
        """
        found = await self.columns(table)
        userid = (await self.columns("tb_account"))["userid"]
        sql = f"""
            SELECT {_expressions(columns, found)}, o.userid FROM {table} t
            LEFT JOIN tb_account o ON o.userid = {_converted("t.userid", found["userid"], userid)}
        """  # noqa: S608 - our own names
        async for rows in self._stream(sql, [*columns, "owner"], found, size):
            yield rows

    async def _stream(
        self, sql: str, names: Sequence[str], columns: Columns, size: int
    ) -> AsyncIterator[list[dict[str, Any]]]:
        cursor = await self._connection.cursor(aiomysql.SSCursor)
        async with _translated_errors(sql), asyncio.timeout(_TIMEOUT_S):
            await cursor.execute(sql)
        while rows := await self._fetch_many(cursor, size, sql):
            yield [
                {name: self._value(value, columns.get(name)) for name, value in zip(names, row, strict=True)}
                for row in rows
            ]

    async def _fetch_many(self, cursor: aiomysql.SSCursor, size: int, sql: str) -> list[Row]:
        async with _translated_errors(sql), asyncio.timeout(_TIMEOUT_S):
            return list(await cursor.fetchmany(size))

    async def _fetch_all(self, sql: str, args: Sequence[Any] = ()) -> list[Row]:
        async with _translated_errors(sql), asyncio.timeout(_TIMEOUT_S):
            cursor = await self._connection.cursor()
            await cursor.execute(sql, args)
            return list(await cursor.fetchall())

    def _value(self, value: Any, column: Column | None) -> Any:
        if isinstance(value, bytes):
            return _decoded(value)
        if value is None or column is None or column.data_type not in ("datetime", "timestamp"):
            return value
        return self._utc(value, column)

    def _utc(self, text: str, column: Column) -> datetime | None:
        """None for a zero date, and for one like 2018-00-00."""
        try:
            time = datetime.fromisoformat(text)
            if column.data_type == "datetime":
                time = time.replace(tzinfo=self._timezone).astimezone(UTC).replace(tzinfo=None)
        except (ValueError, OverflowError):  # the latter for 0001-01-01, the zero time of other languages
            return None
        return time


def _expressions(names: Sequence[str], columns: Columns) -> str:
    return ", ".join(_expression(name, columns.get(name)) for name in names)


def _expression(name: str, column: Column | None) -> str:
    if column is None:
        return "NULL"
    if column.data_type in ("datetime", "timestamp"):
        return f"CAST(t.{name} AS CHAR)"
    if column.charset == "latin1":
        return f"CAST(t.{name} AS BINARY)"  # what is in it may be UTF-8
    return f"t.{name}"


def _converted(expression: str, column: Column, other: Column) -> str:
    """The expression, to be compared with the other column by that column's rules and its index."""
    if column.collation == other.collation:
        return expression
    return f"CONVERT({expression} USING {other.charset}) COLLATE {other.collation}"


def _decoded(value: bytes) -> str:
    """The text of a latin1 column. A client that did not say that it sends UTF-8 has put UTF-8 into it."""
    try:
        return value.decode()
    except UnicodeDecodeError:
        return value.decode("cp1252", errors="replace")  # what MySQL calls latin1


@asynccontextmanager
async def _translated_errors(sql: str) -> AsyncIterator[None]:
    try:
        yield
    except (OSError, asyncio.IncompleteReadError, pymysql.err.MySQLError) as error:
        raise translated(error, sql, "source") from error
