"""The versions of the lists in Redis, common to all processes: every write that a list shows bumps one.

`services.snapshot` says how a page uses them.
"""

import asyncio
import secrets
from contextlib import suppress

import structlog

from services.background import Background
from services.batch_loader import BatchLoader
from services.errors import StoreError
from services.redis import keys
from services.redis.client import RedisClient, Script
from services.snapshot import OFFSETS, VERSION_BYTES, VERSIONS_BYTES, Feed, Snapshot

log = structlog.get_logger()

# Every reader of a list reads the log of changed profiles. It holds the changes between two requests for one page.
_MAX_PROFILES_BYTES = 1024
_RETRY_S = 0.2

# KEYS: the versions. ARGV: records to append to the log of changed profiles, bytes before the log, bytes of it to keep.
_APPEND = Script.of(
    "log changed profiles",
    """
local value, start = redis.call('GET', KEYS[1]) or '', tonumber(ARGV[2])
local versions = string.sub(value .. string.rep('\\0', start), 1, start)
redis.call('SET', KEYS[1], versions .. string.sub(string.sub(value, start + 1) .. ARGV[1], -tonumber(ARGV[3])))
""",
)


class Feeds:
    """Reads and bumps versions. A version is random: a counter that Redis lost would return to numbers that pages know.

    A write stands even if its bump fails. Then all versions are bumped as soon as Redis takes that, and if this process
    ends before, pages that do not show the write expire after `page_ttl`.
    """

    def __init__(self, redis: RedisClient, *, max_batch: int) -> None:
        self._redis = redis
        self._bumps: BatchLoader[Feed, None] = BatchLoader(self._bump, max_batch=max_batch)
        self._profiles: BatchLoader[str, None] = BatchLoader(self._append, max_batch=max_batch)
        self._missed = 0
        self._catching_up = Background()
        self._loop = asyncio.get_running_loop()
        self._versions: asyncio.Future[bytes | None] | None = None  # looked up in this iteration of the loop

    async def close(self) -> None:
        """Give up the bumps that Redis has not taken yet."""
        await self._catching_up.cancel()

    def look_up(self) -> asyncio.Future[bytes | None]:
        """The versions now, for `known`. A reader asks in the iteration of its session: one call reads both.

        All readers of an iteration share the future: nobody may cancel it.
        """
        if self._versions is None:
            self._versions = self._redis.get(keys.VERSIONS)
            self._loop.call_soon(self._forget)
        return self._versions

    def _forget(self) -> None:
        self._versions = None

    async def bump(self, feed: Feed) -> None:
        """Call it when rows of the list have been committed."""
        await self._tolerantly(self._bumps.load(feed))

    async def bump_profile(self, userid: str) -> None:
        """Call it when a profile has been committed of which lists show something."""
        await self._tolerantly(self._profiles.load(userid))

    async def _bump(self, feeds: list[Feed]) -> list[None]:
        versions = ((OFFSETS[feed], secrets.token_bytes(VERSION_BYTES)) for feed in set(feeds))
        await asyncio.gather(*(self._redis.set_range(keys.VERSIONS, *version) for version in versions))
        return [None] * len(feeds)

    async def _append(self, userids: list[str]) -> list[None]:
        records = "".join(f"{userid}.{secrets.token_hex(4)};" for userid in userids)
        await self._redis.run(_APPEND, [keys.VERSIONS], [records, VERSIONS_BYTES, _MAX_PROFILES_BYTES])
        return [None] * len(userids)

    async def _tolerantly(self, bump: asyncio.Future[None]) -> None:
        try:
            await bump
        except StoreError as error:
            log.warning("version not bumped", error=str(error))
            self._missed += 1
            if self._missed == 1:
                self._catching_up.start(self._catch_up())

    async def _catch_up(self) -> None:
        """Bump all versions until a bump has begun after the last one that was missed."""
        while self._missed:
            await asyncio.sleep(_RETRY_S)
            missed = self._missed
            with suppress(StoreError):
                await self._bump(list(Feed))
                self._missed -= missed


async def known(versions: asyncio.Future[bytes | None]) -> Snapshot:
    """The snapshot that was looked up."""
    try:
        return (versions.result() if versions.done() else await asyncio.shield(versions)) or b""
    except StoreError as error:
        log.warning("versions unknown", error=str(error))
        return None
