"""The state of the stores."""

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
        problems = []
        for answer in (probe(self._db), self._redis.ping()):
            try:
                await answer
            except StoreError as error:
                problems.append(error.store)
        return problems
