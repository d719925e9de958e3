"""The Redis client: the GETs of one iteration of the event loop are one MGET, its other commands one pipeline."""

import asyncio
import hashlib
import time
from collections.abc import Sequence
from typing import Any, NamedTuple, Self

from redis.exceptions import (
    AuthenticationError,
    AuthorizationError,
    ClusterDownError,
    MasterDownError,
    NoScriptError,
    OutOfMemoryError,
    ReadOnlyError,
    RedisError,
    ResponseError,
    TryAgainError,
)
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import TimeoutError as RedisTimeoutError

from services.batch_loader import BatchLoader
from services.errors import StoreError, StoreUnavailable
from services.metrics.catalogue import Metrics, kind_of
from services.metrics.families import Histogram
from services.redis.connections import Command, Connections

# One call of each kind is under way at a time; without coalescing every request needs a connection of its own.
_MAX_CONNECTIONS = 32

_PASSING = (
    RedisConnectionError,
    RedisTimeoutError,
    ReadOnlyError,
    OutOfMemoryError,
    MasterDownError,
    ClusterDownError,
    TryAgainError,
)
# redis-py makes these connection errors.
_CREDENTIALS = (AuthenticationError, AuthorizationError)
# Errors without a class of their own: Redis cannot write to its disk or to its replicas, or a script hangs.
_PASSING_PREFIXES = ("MISCONF", "NOREPLICAS", "BUSY")


_names: dict[str | bytes | int, str] = {}
"""The name of each script, by its sha and by its text."""


class Script(NamedTuple):
    """A Lua script, its name in the log and the name by which Redis caches it."""

    name: str
    text: str
    sha: str

    @classmethod
    def of(cls, name: str, text: str) -> "Script":
        """The script with this text."""
        sha = hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest()
        _names[sha] = _names[text] = name
        return cls(name, text, sha)


class _ScriptMissing(StoreError):
    """Redis has lost its cache of scripts."""


class RedisClient:
    """Coalesces calls: at most `max_batch` travel together. Each call has `timeout` seconds, its connection included.

    Every method raises StoreUnavailable when Redis cannot answer now, and StoreError when it refuses.
    """

    def __init__(self, connections: Connections, *, max_batch: int, metrics: Metrics) -> None:
        self._connections = connections
        sizes, seconds = metrics.batch_size, metrics.redis_seconds
        self._lookups: BatchLoader[str, bytes | None] = BatchLoader(
            self._mget, max_batch=max_batch, sizes=sizes["MGET"]
        )
        self._commands: BatchLoader[Command, Any] = BatchLoader(
            self._pipeline, max_batch=max_batch, sizes=sizes["pipeline"]
        )
        self._mget_seconds, self._pipeline_seconds = seconds["MGET"], seconds["pipeline"]
        self._errors = metrics.store_errors

    @classmethod
    def from_url(cls, url: str, *, timeout: float, max_batch: int, metrics: Metrics) -> Self:
        """A client that connects at its first call."""
        connections = Connections.from_url(url, size=_MAX_CONNECTIONS, timeout=timeout)
        return cls(connections, max_batch=max_batch, metrics=metrics)

    def get(self, key: str) -> asyncio.Future[bytes | None]:
        """A future of the value of a key."""
        return self._lookups.load(key)

    async def run(self, script: Script, keys: Sequence[str], args: Sequence[str | bytes | int]) -> Any:
        """Run a script; its return value."""
        try:
            return await self._commands.load(("EVALSHA", script.sha, len(keys), *keys, *args))
        except _ScriptMissing:
            return await self._commands.load(("EVAL", script.text, len(keys), *keys, *args))

    async def set(self, key: str, value: str | bytes, expires: int | None = None) -> None:
        """Set a key, for `expires` seconds."""
        await self._commands.load(("SET", key, value) if expires is None else ("SET", key, value, "EX", expires))

    async def set_range(self, key: str, offset: int, value: bytes) -> None:
        """Overwrite a part of a value, from an offset. What is missing before that becomes zero bytes."""
        await self._commands.load(("SETRANGE", key, offset, value))

    async def delete(self, *keys: str) -> None:
        """Delete keys, which are all of one user."""
        await self._commands.load(("DEL", *keys))

    async def close(self) -> None:
        """Close every connection."""
        await self._connections.close()

    async def _mget(self, keys: list[str]) -> list[bytes | None]:
        unique = dict.fromkeys(keys)
        (values,) = await self._run([("MGET", *unique)], self._mget_seconds)
        if isinstance(values, StoreError):
            raise values
        value_of = dict(zip(unique, values, strict=True))
        return [value_of[key] for key in keys]

    async def _pipeline(self, commands: list[Command]) -> list[Any]:
        return await self._run(commands, self._pipeline_seconds)

    async def _run(self, commands: list[Command], seconds: Histogram) -> list[Any]:
        """The replies to commands. An error that Redis replies is a value: only the caller of its command fails."""
        started = time.monotonic()
        try:
            replies = await self._connections.call(commands)
        except TimeoutError:
            unavailable = StoreUnavailable("redis", "no answer in time", _outline(commands))
            raise self._counted(unavailable) from None
        except RedisError as error:
            raise self._counted(_translated(error, _outline(commands))) from error
        finally:
            seconds.observe(time.monotonic() - started)
        return [
            self._counted(_translated(reply, _outline([command]))) if isinstance(reply, RedisError) else reply
            for command, reply in zip(commands, replies, strict=True)
        ]

    def _counted(self, error: StoreError) -> StoreError:
        if not isinstance(error, _ScriptMissing):
            self._errors["redis", kind_of(error)] += 1
        return error


def _outline(commands: list[Command]) -> str:
    """The scripts that the commands run, and the names of the other commands."""
    return ", ".join(sorted({_name(command) for command in commands}))


def _name(command: Command) -> str:
    return _names[command[1]] if command[0] in ("EVALSHA", "EVAL") else str(command[0])


def _translated(error: RedisError, call: str) -> StoreError:
    if isinstance(error, NoScriptError):
        return _ScriptMissing("redis", "script not cached", call)
    reason = f"{type(error).__name__}: {error}"
    # redis-py wraps a refusal of the credentials in an error of the connection.
    refused = isinstance(error, _CREDENTIALS) or isinstance(error.__cause__, _CREDENTIALS)
    passing = isinstance(error, _PASSING) and not refused
    if passing or (isinstance(error, ResponseError) and str(error).startswith(_PASSING_PREFIXES)):
        return StoreUnavailable("redis", reason, call)
    return StoreError("redis", reason, call)
