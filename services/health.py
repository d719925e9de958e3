"""Whether the stores answer."""

from pymysql.err import MySQLError
from redis.exceptions import RedisError

from models.database import Database, DatabaseUnavailable
from services.coalesced_redis import CoalescedRedis


class Health:
    """Asks the stores the way requests do."""

    def __init__(self, db: Database, redis: CoalescedRedis) -> None:
        self._db = db
        self._redis = redis

    async def problems(self) -> list[str]:
        """The names of the stores that cannot serve now: MySQL counts once its tables are there."""
        problems = []
        try:
            await self._db.fetch_one("SELECT 1 FROM tb_undelivered_callback LIMIT 1")
        except (DatabaseUnavailable, MySQLError):
            problems.append("mysql")
        try:
            await self._redis.ping()
        except RedisError:
            problems.append("redis")
        return problems
