"""The connections: gates before them, a time limit on every step, one helper for transactions.

A gate lets as many callers in as there may be connections, and one for each kind of statement half as many: a table
that is stuck takes no connection from those who need another one. The connection that was used last is used next.
aiomysql's own pool can lose the wake-up of a waiter, looks at every free connection at each use, and makes a task of
each release.
"""

import asyncio
import math
import random
import re
import time
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from contextlib import suppress
from datetime import datetime
from functools import lru_cache
from typing import Any, Protocol, TypeVar

import pymysql
from pymysql.constants import CLIENT, CR, ER, FIELD_TYPE
from pymysql.converters import decoders

from models.deadline import remaining
from models.driver import DriverConnection
from models.errors import DuplicateKey, StoreBusy, StoreError, StoreUnavailable
from models.gate import Gate, Overloaded
from models.time_limit import TimeLimit

Row = tuple[Any, ...]
T = TypeVar("T")

# A transaction met another one, and the same again may succeed: a deadlock, also with a transaction that was committed
# through another node of a cluster, a row that stayed locked, or the conflict of a group replication of MySQL.
_CONFLICTS = frozenset({ER.LOCK_DEADLOCK, ER.LOCK_WAIT_TIMEOUT, 3101})

# The server cannot serve now, and may later: connections used up, shutting down, statement time exceeded, killed, out
# of disk, read-only during a fail-over, or a node of a cluster that has not joined yet or has lost the others.
_PASSING = _CONFLICTS | {
    ER.CON_COUNT_ERROR,
    ER.UNKNOWN_COM_ERROR,  # Galera: WSREP has not yet prepared node for application use
    ER.ABORTING_CONNECTION,
    ER.NET_READ_ERROR,
    ER.NET_READ_INTERRUPTED,
    ER.NET_ERROR_ON_WRITE,
    ER.NET_WRITE_INTERRUPTED,
    ER.NEW_ABORTING_CONNECTION,
    ER.ERROR_DURING_COMMIT,  # Galera: the others were lost at the commit
    ER.TABLE_DEF_CHANGED,  # by a migration, since the transaction began
    ER.SERVER_SHUTDOWN,
    ER.QUERY_INTERRUPTED,
    ER.DISK_FULL,
    ER.RECORD_FILE_FULL,
    ER.OPTION_PREVENTS_STATEMENT,
    1836,  # read-only mode
    1927,  # MariaDB: connection was killed
    1969,  # MariaDB: max_statement_time exceeded
    3024,  # MySQL: max_execution_time exceeded
}

_NO_ANSWER = "no answer in time"
_TRANSACTION = "transaction"  # the kind of all of them
_TABLE = re.compile(r"\btb_\w+")
_PAUSES_S = (0.01, 0.03, 0.1)  # on average, before each repetition after a conflict
_CLOSE_TIMEOUT_S = 1  # for statements that still run
_IDLE_TRANSACTION_S = 10  # the next statement comes at once
_QUIT_WITHIN_S = 60  # after `max_age`, if there is any traffic

# PyMySQL reads a time with a regular expression.
_CONVERSIONS = {**decoders, FIELD_TYPE.DATETIME: datetime.fromisoformat}


def placeholders(values: Sequence[Any]) -> str:
    """The text between the brackets of `IN (...)`. PyMySQL does not bind a list."""
    return ", ".join(["%s"] * len(values))


class Queries(Protocol):
    """Runs SQL: the database itself, or a transaction on it."""

    async def fetch_all(self, sql: str, args: Sequence[Any] = ()) -> list[Row]:
        """All rows of a SELECT."""

    async def fetch_one(self, sql: str, args: Sequence[Any] = ()) -> Row | None:
        """The first row of a SELECT, None without one."""

    async def execute(self, sql: str, args: Sequence[Any] = (), *, prepared: bool = False) -> int:
        """Run a statement that writes. Returns the number of rows that it found or inserted.

        `prepared` is for a statement of which there are many. Its text is fixed: each connection keeps it.
        """


class Monitor:
    """Is told what happens at the connections. This one does nothing with it."""

    def ran(self, call: str, seconds: float) -> None:
        """A statement ran, well or not; `call` is its verb and its table. Or it was connected: "connect"."""

    def waited(self, seconds: float) -> None:
        """A caller had to wait for a connection, and got one or not."""

    def repeated(self) -> None:
        """A transaction or a write runs again after a conflict."""

    def failed(self, error: StoreError) -> None:
        """A caller gets this error. A duplicate key is none."""


class _Connection:
    """Queries on one connection, which one coroutine at a time uses."""

    def __init__(self, connection: DriverConnection, timeout: float, monitor: Monitor) -> None:
        self._connection = connection
        self._timeout = timeout
        self._monitor = monitor
        self.statement = "connect"  # the last one, for the log

    async def fetch_all(self, sql: str, args: Sequence[Any] = ()) -> list[Row]:
        return await self._run(self._connection.fetch_all, sql, args)

    async def fetch_one(self, sql: str, args: Sequence[Any] = ()) -> Row | None:
        rows = await self.fetch_all(sql, args)
        return rows[0] if rows else None

    async def execute(self, sql: str, args: Sequence[Any] = (), *, prepared: bool = False) -> int:
        run = self._connection.execute_prepared if prepared else self._connection.execute
        return await self._run(run, sql, args)

    async def _run(
        self, run: Callable[[str, Sequence[Any]], Coroutine[Any, Any, T]], sql: str, args: Sequence[Any]
    ) -> T:
        self.statement = sql
        started = time.monotonic()
        try:
            with TimeLimit(min(self._timeout, remaining())):
                return await run(sql, args)
        except pymysql.err.MySQLError:
            raise
        except BaseException:
            self._connection.close()  # an answer may still come, and nobody else must read it
            raise
        finally:
            self._monitor.ran(_outline(sql), time.monotonic() - started)


class Database:
    """Autocommitting connections, at most `pool_size`. Nothing is connected before the first query.

    A connection serves for `max_age` seconds, or up to a fifth less, so that not all are replaced at once. A balancer
    that has moved to another server gets them all.

    Reads of one table hold at most half of the connections, so do writes to it, and all transactions together a
    quarter. Nothing takes longer than the deadline of the present request, and who could not be served until then is
    refused at once.

    Every method raises StoreUnavailable when the server is unreachable or slower than the time limits (seconds),
    DuplicateKey when the row is there already, and StoreError when the server refuses.
    """

    def __init__(
        self,
        arguments: dict[str, Any],
        *,
        pool_size: int,
        acquire_timeout: float,
        query_timeout: float,
        max_age: float = math.inf,
        monitor: Monitor | None = None,
    ) -> None:
        self._arguments = arguments
        self._monitor = monitor or Monitor()
        self._pool_size = pool_size
        self._gate = Gate(pool_size)
        self._kinds: dict[str, Gate] = {_TRANSACTION: Gate(max(1, pool_size // 4))}
        self._acquire_timeout = acquire_timeout
        self._query_timeout = query_timeout
        self._max_age = max_age
        self._idle: list[DriverConnection] = []
        self._in_use: set[DriverConnection] = set()

    @property
    def waiting(self) -> int:
        """Callers who wait for a connection."""
        return self._gate.waiting + sum(gate.waiting for gate in self._kinds.values())

    @property
    def idle(self) -> int:
        """Open connections that nobody uses."""
        return len(self._idle)

    @property
    def in_use(self) -> int:
        """Open connections in use."""
        return len(self._in_use)

    async def fetch_all(self, sql: str, args: Sequence[Any] = ()) -> list[Row]:
        return await self._use(_kind(sql), lambda connection: connection.fetch_all(sql, args))

    async def fetch_one(self, sql: str, args: Sequence[Any] = ()) -> Row | None:
        return await self._use(_kind(sql), lambda connection: connection.fetch_one(sql, args))

    async def execute(self, sql: str, args: Sequence[Any] = (), *, prepared: bool = False) -> int:
        return await self._use(
            _kind(sql),
            lambda connection: self._repeated(lambda: connection.execute(sql, args, prepared=prepared)),
        )

    async def transaction(self, work: Callable[[Queries], Awaitable[T]]) -> T:
        """Commit the statements of `work`, or roll all of them back when it raises. Returns its result.

        After a conflict with another transaction it runs again, up to three times: what it does beside its statements
        must bear a repetition.
        """
        return await self._use(_TRANSACTION, lambda connection: self._repeated(lambda: _transact(connection, work)))

    async def _repeated(self, run: Callable[[], Awaitable[T]]) -> T:
        """Run something again when a conflict has rolled it back, while the request's deadline allows it."""
        for pause in _PAUSES_S:
            try:
                return await run()
            except pymysql.err.MySQLError as error:
                delay = random.uniform(0.5, 1.5) * pause  # noqa: S311 - so that those who met do not meet again
                if _code_of(error) not in _CONFLICTS or delay > remaining():
                    raise
            self._monitor.repeated()
            await asyncio.sleep(delay)
        return await run()

    async def _use(self, kind: str, work: Callable[[_Connection], Awaitable[T]]) -> T:
        """Do work on a connection of a kind."""
        gate = self._gate_of(kind)
        await self._enter(gate)
        entered = time.monotonic()
        statement = "connect"
        cut_off = False
        try:
            connection = await self._checkout()
            queries = _Connection(connection, self._query_timeout, self._monitor)
            try:
                return await work(queries)
            except (TimeoutError, asyncio.CancelledError, OSError):
                connection.close()  # an answer may still come, and nobody else must read it
                cut_off = True
                raise
            finally:
                statement = queries.statement
                self._release(connection)
        except (OSError, asyncio.IncompleteReadError, pymysql.err.MySQLError) as error:  # a TimeoutError is an OSError
            raise self._reported(translated(error, statement)) from error
        finally:
            # A statement that was cut off counts with its whole limit. Otherwise those who come late, and are cut off
            # early, would make room for others who come late.
            seconds = self._query_timeout if cut_off else time.monotonic() - entered
            self._gate.leave(seconds)
            gate.leave(seconds)

    async def _checkout(self) -> DriverConnection:
        connection = self._idle_connection() or await self._connect()
        self._in_use.add(connection)
        return connection

    def _gate_of(self, kind: str) -> Gate:
        gate = self._kinds.get(kind)
        if gate is None:
            gate = self._kinds[kind] = Gate(max(1, self._pool_size // 2))
        return gate

    async def _enter(self, gate: Gate) -> None:
        """Take a place at the gate of a kind and one at that of all."""
        if gate.enter_now():
            if self._gate.enter_now():
                return
            gate.leave()
        started = time.monotonic()
        try:
            await gate.enter(self._max_wait(gate))
            try:
                await self._gate.enter(self._max_wait(gate))
                if self._max_wait(gate) < 0:
                    self._gate.leave()
                    raise Overloaded  # others took longer than expected: a statement would be cut off
            except BaseException:
                gate.leave()
                raise
        except Overloaded:
            raise self._reported(StoreBusy("mysql", "every connection is in use", "connect")) from None
        finally:
            self._monitor.waited(time.monotonic() - started)

    def _max_wait(self, gate: Gate) -> float:
        """The seconds after which a place comes too late: a statement would not end before the deadline."""
        return min(self._acquire_timeout, remaining() - gate.seconds)

    def _reported(self, error: StoreError) -> StoreError:
        if not isinstance(error, DuplicateKey):
            self._monitor.failed(error)
        return error

    def _idle_connection(self) -> DriverConnection | None:
        while self._idle:
            connection = self._idle.pop()
            reader = connection._reader  # as aiomysql's pool does: nothing public tells that the server has left
            if reader.at_eof() or reader.exception() or reader.eof_received:
                connection.close()
            elif connection.expires < time.monotonic():
                connection.quit()
            else:
                return connection
        return None

    async def _connect(self) -> DriverConnection:
        # No connect_timeout: aiomysql gives it to asyncio.wait_for, which on Python 3.11 swallows a cancellation that
        # comes when the TCP connection is made (github.com/python/cpython/issues/86296). Then our own time limit is
        # spent, and nothing limits the handshake.
        started = time.monotonic()
        connection = DriverConnection(
            **self._arguments,
            autocommit=True,
            charset="utf8mb4",
            conv=_CONVERSIONS,
            client_flag=CLIENT.FOUND_ROWS,  # an UPDATE to the same values found its row
            init_command=_session_settings(self._query_timeout, self._max_age),
        )
        try:
            with TimeLimit(min(self._acquire_timeout, remaining())):
                await connection._connect()
            connection.expires = time.monotonic() + random.uniform(0.8, 1) * self._max_age  # noqa: S311 - spreads them
        finally:
            self._monitor.ran("connect", time.monotonic() - started)
        return connection

    def _release(self, connection: DriverConnection) -> None:
        self._in_use.discard(connection)
        if not connection.closed:
            if connection.get_transaction_status():
                connection.close()  # its rollback failed
            else:
                self._idle.append(connection)
        while len(self._idle) > 1 and self._idle[0].expires < time.monotonic():  # it has not been used for longest
            self._idle.pop(0).quit()

    async def close(self) -> None:
        """Close every connection; one still in use after a second is cut off."""
        with suppress(TimeoutError):
            async with asyncio.timeout(_CLOSE_TIMEOUT_S):
                while self._in_use:
                    await asyncio.sleep(0.01)
        for connection in self._in_use:
            connection.close()
        while self._idle:
            self._idle.pop().quit()


async def _transact(connection: _Connection, work: Callable[[Queries], Awaitable[T]]) -> T:
    await connection.execute("START TRANSACTION")
    try:
        result = await work(connection)
        await connection.execute("COMMIT")
    except (TimeoutError, OSError):
        raise  # the connection gets closed, and the server rolls back
    except Exception:
        failed = connection.statement
        await connection.execute("ROLLBACK")  # a row that stayed locked has ended the statement only
        connection.statement = failed  # for the log
        raise
    return result


def _code_of(error: pymysql.err.MySQLError) -> int:
    """The number of the error, 0 without one: of a lost connection aiomysql says "(0, 'Not connected')", in a text."""
    code = error.args[0] if error.args else 0
    return code if isinstance(code, int) else 0


def translated(error: Exception, statement: str, store: str = "mysql") -> StoreError:
    """The error of a store that an error of the driver or of the network stands for."""
    call = _outline(statement)
    if not isinstance(error, pymysql.err.MySQLError):
        return StoreUnavailable(store, _NO_ANSWER if isinstance(error, TimeoutError) else repr(error), call)
    code = _code_of(error)
    reason = f"{error!r}, caused by {error.__cause__!r}" if error.__cause__ else repr(error)
    if code == ER.DUP_ENTRY:
        return DuplicateKey(store, reason, call)
    if isinstance(error, pymysql.err.InterfaceError) or code in _PASSING or code >= CR.CR_ERROR_FIRST:
        return StoreUnavailable(store, reason, call)
    return StoreError(store, reason, call)


@lru_cache(maxsize=1024)
def _kind(statement: str) -> str:
    """What shares a gate: the reads of a table, or the writes to it."""
    verb, _, table = _outline(statement).partition(" ")
    return f"{'read' if verb == 'SELECT' else 'write'} {table}"


@lru_cache(maxsize=1024)  # a statement comes with as many texts as it has numbers of placeholders
def _outline(statement: str) -> str:
    """The verb and the first table of a statement."""
    verb = statement.split(maxsplit=1)[0]
    table = _TABLE.search(statement)
    return f"{verb} {table[0]}" if table else verb


def _session_settings(query_timeout: float, max_age: float) -> str:
    """UTC, strict mode, and a statement time limit: a cancelled query would go on running in the server.

    Of a connection that ends while the network is broken the server hears nothing: it ends by itself a transaction
    that nobody continues, whose locks would stay, and a connection that nobody can use any more.

    READ COMMITTED, because the default, REPEATABLE READ, locks the gaps between the rows that an INSERT … SELECT reads:
    users whose rows are neighbours would wait for each other, and end in a deadlock. What has to be serialised locks
    the row of its account.

    `/*M! */` is read by MariaDB only (seconds), `/*!50720 */` by MySQL only (milliseconds, SELECT only).
    """
    wait_timeout = f", wait_timeout = {math.ceil(max_age) + _QUIT_WITHIN_S}" if math.isfinite(max_age) else ""
    return (
        f"SET time_zone = '+00:00', sql_mode = 'STRICT_ALL_TABLES,NO_ENGINE_SUBSTITUTION'{wait_timeout} "
        f"/*M! , max_statement_time = {query_timeout}, tx_isolation = 'READ-COMMITTED' "
        f", idle_transaction_timeout = {_IDLE_TRANSACTION_S} */ "
        f"/*!50720 , max_execution_time = {int(query_timeout * 1000)}, transaction_isolation = 'READ-COMMITTED' */"
    )
