"""Redis for the hot paths: the GETs of one turn of the event loop are one MGET, its other commands one pipeline."""

import asyncio
import hashlib
from collections.abc import Awaitable, Sequence
from typing import Any, NamedTuple, TypeVar, cast

from redis.asyncio import Redis
from redis.exceptions import NoScriptError
from redis.exceptions import TimeoutError as RedisTimeoutError

from services.batches import Batches

T = TypeVar("T")
Command = tuple[str | bytes | int, ...]


class Script(NamedTuple):
    """A Lua script and the name by which Redis remembers it."""

    text: str
    sha: str

    @classmethod
    def of(cls, text: str) -> "Script":
        """The script with this text."""
        return cls(text, hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest())


class CoalescedRedis:
    """Coalesces calls; at most `most` travel together, and get `timeout` seconds.

    The keys `along` are read with every GET, whoever asks for it: `along[key]` is at least as new as the question of
    any `get` that the caller has awaited.
    """

    def __init__(self, redis: Redis, *, along: Sequence[str] = (), timeout: float, most: int) -> None:
        self._redis = redis
        self._timeout = timeout
        self._along = along
        self.along: dict[str, bytes | None] = dict.fromkeys(along)
        self._newest = 0
        self._issued = 0
        self._gets: Batches[str, bytes | None] = Batches(self._mget, most=most)
        self._commands: Batches[Command, Any] = Batches(self._pipeline, most=most)

    def get(self, key: str) -> Awaitable[bytes | None]:
        """The value of a key."""
        return self._gets.ask(key)

    async def run(self, script: Script, keys: Sequence[str], args: Sequence[str | bytes | int]) -> Any:
        """What a script returns."""
        try:
            return await self._commands.ask(("EVALSHA", script.sha, len(keys), *keys, *args))
        except NoScriptError:  # Redis was restarted: it learns the script again
            return await self._commands.ask(("EVAL", script.text, len(keys), *keys, *args))

    async def set(self, key: str, value: str | bytes, expires: int | None = None) -> None:
        """Set a key, for `expires` seconds."""
        await self._commands.ask(("SET", key, value) if expires is None else ("SET", key, value, "EX", expires))

    async def ping(self) -> None:
        """Return when Redis answers."""
        await self._in_time(self._redis.ping())

    async def _mget(self, keys: list[str]) -> list[bytes | None]:
        self._issued += 1
        issued = self._issued
        values = cast(list[bytes | None], await self._in_time(self._redis.mget([*keys, *self._along])))
        if issued > self._newest:  # an MGET may be overtaken by one that was sent later
            self._newest = issued
            self.along.update(zip(self._along, values[len(keys) :], strict=True))
        return values[: len(keys)]

    async def _pipeline(self, commands: list[Command]) -> list[Any]:
        if len(commands) == 1:  # half the price of a pipeline
            return [await self._in_time(self._redis.execute_command(*commands[0]))]  # type: ignore[no-untyped-call]
        pipeline = self._redis.pipeline(transaction=False)
        for command in commands:
            pipeline.execute_command(*command)
        return await self._in_time(pipeline.execute(raise_on_error=False))

    async def _in_time(self, call: Awaitable[T]) -> T:
        """What a call answers. redis-py's own limit (socket_timeout) makes a task of every command that it sends."""
        try:
            async with asyncio.timeout(self._timeout):
                return await call
        except TimeoutError:
            raise RedisTimeoutError("no answer in time") from None
