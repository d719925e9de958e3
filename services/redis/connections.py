"""Connections to one Redis: redis-py reads the URL, connects and signs in; hiredis packs the commands.

A command through redis-py's own client passes its pool, its retries and its observability, which cost more than the
command.
"""

import asyncio
import ssl
from collections.abc import Sequence
from typing import Any

import hiredis
from redis import DriverInfo
from redis.asyncio import ConnectionPool, SSLConnection
from redis.asyncio.connection import AbstractConnection
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import ResponseError

from models.sockets import reset_at_the_end
from models.time_limit import TimeLimit

Command = tuple[str | bytes | int, ...]

# One call of a batch is under way at a time; without batches every request needs a connection of its own.
_MAX_CONNECTIONS = 32


class Connections:
    """Some connections, each opened when it is needed. Each call has `timeout` seconds, all included."""

    def __init__(self, url: str, *, timeout: float, tls: ssl.SSLContext | None = None) -> None:
        self._factory = ConnectionPool.from_url(
            url,
            protocol=2,  # it has no messages that are no reply
            socket_timeout=None,  # `call` limits the time: redis-py would make a task of every command
            socket_connect_timeout=timeout,
            driver_info=DriverInfo(),  # each connection would look up the version of redis-py, which takes 1 ms
            retry=Retry(NoBackoff(), 0),  # a command without an answer may have run, and a script must not run twice
        )
        self._timeout = timeout
        self._tls = tls
        self._all: list[AbstractConnection] = []
        # The one that came back last goes out first: a server with little to do opens few.
        self._idle: asyncio.LifoQueue[AbstractConnection] = asyncio.LifoQueue()

    async def call(self, commands: Sequence[Command]) -> list[Any]:
        """The replies to commands that travel together. An error that Redis replies is a value.

        Raises TimeoutError, and RedisError when the connection fails: then some of the commands may have run.
        """
        with TimeLimit(self._timeout):
            if self._idle.empty() and len(self._all) < _MAX_CONNECTIONS:
                self._idle.put_nowait(self._new())
            connection = await self._idle.get()
            try:
                return await _replies(connection, commands)
            except BaseException:  # a reply may still come, and nobody else must read it
                if connection._writer is not None:
                    connection._writer.transport.abort()  # to close TLS would wait for the other end
                await connection.disconnect(nowait=True)
                raise
            finally:
                self._idle.put_nowait(connection)

    async def close(self) -> None:
        """Close every connection."""
        await asyncio.gather(*(connection.disconnect() for connection in self._all), return_exceptions=True)

    def _new(self) -> AbstractConnection:
        connection: AbstractConnection = self._factory.make_connection()  # type: ignore[no-untyped-call]
        if self._tls and isinstance(connection, SSLConnection):
            connection.ssl_context.context = self._tls  # each would read the system's certificates, which takes 30 ms
        self._all.append(connection)
        return connection


async def _replies(connection: AbstractConnection, commands: Sequence[Command]) -> list[Any]:
    if connection.is_connected and await connection.can_read():
        await connection.disconnect(nowait=True)  # Redis has ended it
    if not connection.is_connected:
        await connection.connect()  # type: ignore[no-untyped-call]
        assert connection._writer is not None
        reset_at_the_end(connection._writer)  # nothing public tells the socket
    # hiredis' own type says a tuple of one.
    packed = b"".join([hiredis.pack_command(command) for command in commands])  # type: ignore[arg-type]
    await connection.send_packed_command(packed)
    return [await _reply(connection) for _ in commands]


async def _reply(connection: AbstractConnection) -> Any:
    try:
        return await connection.read_response(disconnect_on_error=False)  # `call` does it
    except ResponseError as error:
        return error
