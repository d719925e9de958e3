"""Versions of the lists: every write that changes what a list shows gives it a new one, in Redis for all processes."""

import asyncio
import secrets
from enum import StrEnum

import structlog
from redis.exceptions import RedisError

from services.batches import Batches
from services.coalesced_redis import CoalescedRedis

log = structlog.get_logger()


class List(StrEnum):
    """A list and the key of its version."""

    REPLAYS = "xzb:version:vod"
    UGC = "xzb:version:ugc"


class Versions:
    """A version is random: a counter that Redis lost would come back to numbers that mean something else."""

    def __init__(self, redis: CoalescedRedis, *, most: int) -> None:
        self._redis = redis
        self._changes: Batches[List, None] = Batches(self._set, most=most)

    def current(self, of: List) -> bytes | None:
        """The version, as new as the caller's session: whoever has awaited a look-up sees every write before it."""
        return self._redis.along[of]

    async def change(self, *lists: List) -> None:
        """A write has been committed. The write stands even if Redis fails: then rendered pages heal by their age."""
        try:
            await asyncio.gather(*map(self._changes.ask, lists))
        except RedisError as error:
            log.warning("version not changed", lists=lists, error=repr(error))

    async def _set(self, lists: list[List]) -> list[None]:
        await asyncio.gather(*(self._redis.set(of, secrets.token_bytes(8)) for of in set(lists)))
        return [None] * len(lists)
