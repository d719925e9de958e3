"""One Redis, or whatever looks like one: a master behind a proxy."""

from collections.abc import Collection, Sequence
from typing import Any

from redis.exceptions import RedisError

from conf.redis_url import RedisAddress
from services.redis.connections import Command, Connections


class Single:
    """The only node."""

    name = "redis"

    def __init__(self, address: RedisAddress, *, timeout: float) -> None:
        self._connections = Connections(address.urls[0], timeout=timeout, tls=address.tls)
        self.close = self._connections.close

    def of(self, key: str) -> "Single":
        return self

    async def all(self) -> "Collection[Single]":
        return [self]

    async def call(self, keys: Sequence[str], commands: Sequence[Command]) -> list[Any]:
        if not keys:
            return await self._connections.call(commands)
        values, *replies = await self._connections.call([("MGET", *keys), *commands])
        return [*([values] * len(keys) if isinstance(values, RedisError) else values), *replies]
