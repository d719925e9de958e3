"""The connection of the MySQL driver, and what it lacks: TLS that is insisted on, a clean end, prepared statements."""

import math
import struct
from collections.abc import Sequence
from typing import Any, NamedTuple

import aiomysql
import pymysql
from pymysql.constants import CLIENT, COMMAND, CR, ER, FIELD_TYPE

from models.sockets import reset_at_the_end

_QUIT = b"\x01\x00\x00\x00" + bytes([COMMAND.COM_QUIT])  # one byte, the first packet

_PREPARED = struct.Struct("<xIHH")  # a zero, the id of the statement, the numbers of its columns and parameters
_EXECUTE = struct.Struct("<IBI")  # the id, no cursor, once
_NEED_REPREPARE = 1615
# The server prepares no more statements, does not know this one, or could not prepare it again after changes of tables.
_TEXT_INSTEAD = frozenset({ER.MAX_PREPARED_STMT_COUNT_REACHED, ER.UNKNOWN_STMT_HANDLER, _NEED_REPREPARE})
_NULL = bytes([FIELD_TYPE.NULL, 0])
_INTEGER = bytes([FIELD_TYPE.LONGLONG, 0])
_TEXT = bytes([FIELD_TYPE.VAR_STRING, 0])


class _Statement(NamedTuple):
    """A prepared statement: its number in the connection, and how many parameters it has."""

    number: int
    parameters: int


class DriverConnection(aiomysql.Connection):  # type: ignore[misc]
    """A connection that is encrypted if that is asked for, drops what it has not delivered, and prepares statements."""

    expires = math.inf
    """The time of `time.monotonic` from which on another one takes its place."""

    async def _request_authentication(self) -> None:
        # aiomysql would sign in without TLS to a server, or somebody in between, that offers none.
        if self._ssl_context and not self.server_capabilities & CLIENT.SSL:
            raise pymysql.err.OperationalError(CR.CR_SSL_CONNECTION_ERROR, "the server offers no TLS")
        await super()._request_authentication()

    async def _connect(self) -> None:
        await super()._connect()
        reset_at_the_end(self._writer)
        self._statements: dict[str, _Statement] = {}

    async def fetch_all(self, sql: str, args: Sequence[Any]) -> list[tuple[Any, ...]]:
        """Run a statement with rows. Returns all of them."""
        cursor = await self.cursor()
        await cursor.execute(sql, args)
        return list(await cursor.fetchall())  # they are read already

    async def execute(self, sql: str, args: Sequence[Any]) -> int:
        """Run a statement without rows. Returns the number of rows that it found or inserted. Warnings are ignored."""
        return int(await self.query(sql % tuple(map(self.escape, args))))

    async def execute_prepared(self, sql: str, args: Sequence[str | int | None]) -> int:
        """As `execute`. The connection prepares the statement when it comes first, and then sends its values only.

        The server saves the time to parse it, which for a simple statement is a third of all. Where it prepares none, a
        statement costs a round trip more. Integers have 64 bits with their sign.
        """
        try:
            statement = self._statements.get(sql)
            if statement is None:
                statement = self._statements[sql] = await self._prepare(sql)
            await self._execute_command(COMMAND.COM_STMT_EXECUTE, _execution(statement, args))
            await self._read_query_result()
            return int(self.affected_rows())
        except pymysql.err.MySQLError as error:
            if error.args[0] not in _TEXT_INSTEAD:
                raise
        self._statements.pop(sql, None)
        return await self.execute(sql, args)

    async def _prepare(self, sql: str) -> _Statement:
        """Prepare a statement (Client/Server Protocol, COM_STMT_PREPARE)."""
        await self._execute_command(COMMAND.COM_STMT_PREPARE, sql.replace("%s", "?"))
        packet = await self._read_packet()
        number, columns, parameters = _PREPARED.unpack(packet.read(_PREPARED.size))
        for definitions in (parameters, columns):
            for _ in range(definitions + bool(definitions)):  # their end is a packet, too
                await self._read_packet()
        return _Statement(number, parameters)

    def quit(self) -> None:
        """Close, with a goodbye: without one the server logs a warning."""
        if self._writer is not None and not self._writer.is_closing():
            reset_at_the_end(self._writer, False)
            self._writer.write(_QUIT)
        super().close()

    def close(self) -> None:
        """Close at once. What the server has not got of a statement, it never gets."""
        if self._writer is not None:
            self._writer.transport.abort()
        super().close()


def _execution(statement: _Statement, args: Sequence[str | int | None]) -> bytes:
    """The packet that runs a statement with these values (Client/Server Protocol, COM_STMT_EXECUTE)."""
    if len(args) != statement.parameters:
        raise TypeError(f"{len(args)} values for {statement.parameters} parameters")
    nulls = 0
    types, values = [], []
    for position, value in enumerate(args):
        if value is None:
            nulls |= 1 << position
            types.append(_NULL)
        elif isinstance(value, int):
            types.append(_INTEGER)
            values.append(value.to_bytes(8, "little", signed=True))
        else:
            types.append(_TEXT)
            values.append(_length_encoded(value.encode()))
    null_bitmap = nulls.to_bytes((len(args) + 7) // 8, "little")
    return b"".join((_EXECUTE.pack(statement.number, 0, 1), null_bitmap, b"\x01", *types, *values))


def _length_encoded(text: bytes) -> bytes:
    """A text below 16 MiB, behind its length."""
    length = len(text)
    if length < 251:
        return bytes([length]) + text
    if length < 1 << 16:
        return b"\xfc" + length.to_bytes(2, "little") + text
    return b"\xfd" + length.to_bytes(3, "little") + text
