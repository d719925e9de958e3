"""The state of the stores."""

import asyncio
from collections.abc import Awaitable

from models.database import Database
from models.probe import probe
from services.errors import StoreError
from services.redis.client import RedisClient


class Health:
    """Asks the stores as requests do."""

    def __init__(self, db: Database, redis: RedisClient) -> None:
        self._db = db
        self._redis = redis

    async def problems(self) -> list[str]:
        """The names of the stores that cannot serve now."""
        answers = await asyncio.gather(_problem(probe(self._db)), _problem(self._redis.ping()))
        return [store for store in answers if store is not None]


async def _problem(check: Awaitable[None]) -> str | None:
    try:
        await check
    except StoreError as error:
        return error.store
    return None
