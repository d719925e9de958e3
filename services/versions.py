"""What the pages of the lists depend on, in Redis for all processes: every write that a list shows leaves a mark here.

A list has a version, which is new after every change of its rows. A list also shows the profiles of its authors, and
most users are on no page: so a changed profile does not give a list a new version, it is noted in a short log of the
last ones, and ages only the pages that show the user.
"""

import asyncio
import secrets
from collections.abc import Set as AbstractSet
from enum import StrEnum
from typing import NamedTuple

import structlog
from redis.exceptions import RedisError

from services.batches import Batches
from services.coalesced_redis import CoalescedRedis, Script

log = structlog.get_logger()


class List(StrEnum):
    """A list and the key of its version."""

    REPLAYS = "xzb:version:vod"
    UGC = "xzb:version:ugc"


# The log of changed profiles: `userid.random;` of each, the newest at the end.
_PROFILES = "xzb:version:profiles"
_PROFILES_BYTES = 1024  # it is read with every request: enough for what changes between two looks at a page

# KEYS: the log. ARGV: what to append, the bytes to keep.
_NOTE = Script.of("""
redis.call('SET', KEYS[1], string.sub((redis.call('GET', KEYS[1]) or '') .. ARGV[1], -tonumber(ARGV[2])))
""")

VERSION_KEYS = (*List, _PROFILES)


class State(NamedTuple):
    """All that a page of a list depends on, at a moment."""

    version: bytes | None
    profiles: bytes | None

    def holds(self, later: "State", authors: AbstractSet[str]) -> bool:
        """Whether a page made in this state, which shows these authors, is still right in a later one."""
        if self.version != later.version:
            return False
        if self.profiles == later.profiles:
            return True
        if not self.profiles or not later.profiles:
            return False
        last = self.profiles[self.profiles.rfind(b";", 0, -1) + 1 :]
        _, found, since = later.profiles.rpartition(last)
        changed = (record.partition(".")[0] for record in since.decode(errors="replace").split(";"))
        return bool(found) and authors.isdisjoint(changed)


class Versions:
    """A version is random: a counter that Redis lost would come back to numbers that mean something else."""

    def __init__(self, redis: CoalescedRedis, *, most: int) -> None:
        self._redis = redis
        self._lists: Batches[List, None] = Batches(self._renew, most=most)
        self._profiles: Batches[str, None] = Batches(self._note, most=most)

    def current(self, of: List) -> State:
        """The state, as new as the caller's session: whoever has awaited a look-up sees every write before it."""
        return State(self._redis.along[of], self._redis.along[_PROFILES])

    async def change(self, of: List) -> None:
        """Rows of a list have been committed. They stand even if Redis fails: then pages heal by their age."""
        await _tolerantly(self._lists.ask(of))

    async def change_profile(self, userid: str) -> None:
        """What lists show of a user has been committed; as above."""
        await _tolerantly(self._profiles.ask(userid))

    async def _renew(self, lists: list[List]) -> list[None]:
        await asyncio.gather(*(self._redis.set(of, secrets.token_bytes(8)) for of in set(lists)))
        return [None] * len(lists)

    async def _note(self, userids: list[str]) -> list[None]:
        records = "".join(f"{userid}.{secrets.token_hex(4)};" for userid in userids)
        await self._redis.run(_NOTE, [_PROFILES], [records, _PROFILES_BYTES])
        return [None] * len(userids)


async def _tolerantly(change: asyncio.Future[None]) -> None:
    try:
        await change
    except RedisError as error:
        log.warning("version not changed", error=repr(error))
