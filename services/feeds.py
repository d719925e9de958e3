"""The versions of the lists in Redis, common to all processes: every write that a list shows bumps one.

`services.snapshot` says how a page uses them.
"""

import asyncio
import secrets

import structlog

from services.batch_loader import BatchLoader
from services.errors import StoreError
from services.redis import keys
from services.redis.client import RedisClient, Script
from services.snapshot import VERSION_KEYS, Feed, Snapshot

log = structlog.get_logger()

# Every request reads the log of changed profiles. It holds the changes between two requests for one page.
_MAX_PROFILES_BYTES = 1024

# KEYS: the log of changed profiles. ARGV: records to append, bytes to keep.
_APPEND = Script.of(
    "log changed profiles",
    """
redis.call('SET', KEYS[1], string.sub((redis.call('GET', KEYS[1]) or '') .. ARGV[1], -tonumber(ARGV[2])))
""",
)


class Feeds:
    """Bumps versions. A version is random: a counter that Redis lost would return to numbers that pages know.

    A write stands even if its bump fails: then pages that do not show it expire after `page_ttl`.
    """

    def __init__(self, redis: RedisClient, *, max_batch: int) -> None:
        self._redis = redis
        self._bumps: BatchLoader[Feed, None] = BatchLoader(self._bump, max_batch=max_batch)
        self._profiles: BatchLoader[str, None] = BatchLoader(self._append, max_batch=max_batch)

    async def snapshot(self) -> Snapshot:
        """The versions now, for a reader without a session."""
        return await self._redis.snapshot()

    async def bump(self, feed: Feed) -> None:
        """Call it when rows of the list have been committed."""
        await _tolerantly(self._bumps.load(feed))

    async def bump_profile(self, userid: str) -> None:
        """Call it when a profile has been committed of which lists show something."""
        await _tolerantly(self._profiles.load(userid))

    async def _bump(self, feeds: list[Feed]) -> list[None]:
        await asyncio.gather(*(self._redis.set(VERSION_KEYS[feed], secrets.token_bytes(8)) for feed in set(feeds)))
        return [None] * len(feeds)

    async def _append(self, userids: list[str]) -> list[None]:
        records = "".join(f"{userid}.{secrets.token_hex(4)};" for userid in userids)
        await self._redis.run(_APPEND, [keys.CHANGED_PROFILES], [records, _MAX_PROFILES_BYTES])
        return [None] * len(userids)


async def _tolerantly(bump: asyncio.Future[None]) -> None:
    try:
        await bump
    except StoreError as error:
        log.warning("version not bumped", error=str(error))
