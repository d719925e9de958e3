"""The cache of rendered pages: the bytes of a page are made once for each version of its list.

A reader asks with the snapshot that was read with its session, and gets no page that is older. So nobody misses a
write that was answered before the read. Without a snapshot, in a fault, a reader gets a page whose rendering begins
after the read. A page whose version was not bumped, in a fault, expires after `ttl`.
"""

import asyncio
import functools
import gzip
import math
import time
from collections.abc import Awaitable, Callable
from collections.abc import Set as AbstractSet
from contextlib import suppress
from dataclasses import dataclass
from typing import NamedTuple

from cachetools import LRUCache

from services.background import Background
from services.batch_loader import settle
from services.snapshot import Feed, Snapshot, is_current

# A smaller answer fits into one packet anyway. A larger one would block the event loop for too long.
_MIN_GZIP_BYTES = 1024
_MAX_GZIP_BYTES = 2**20
# For 200 replays level 3 takes a third of the time of level 6, and a sixth more bytes.
_GZIP_LEVEL = 3
# Memory of a cache entry besides the bytes of its page. There may be many empty pages.
_ENTRY_BYTES = 2048
# A process renders one page no more often, however often its list changes.
MIN_RENDER_INTERVAL_S = 0.01


class PageKey(NamedTuple):
    """A page of a list: at most `limit` rows from `offset`. `form` tells answers apart that have other fields."""

    feed: Feed
    offset: int
    limit: int
    form: str = ""


class Page:
    """An answer as bytes. `authors` are the userids of the users that it shows."""

    def __init__(self, plain: bytes, authors: AbstractSet[str]) -> None:
        self.plain = plain
        self.authors = authors

    @functools.cached_property
    def gzipped(self) -> bytes | None:
        """The compressed answer, None when compression does not pay."""
        if not _MIN_GZIP_BYTES <= len(self.plain) < _MAX_GZIP_BYTES:
            return None
        return gzip.compress(self.plain, _GZIP_LEVEL, mtime=0)


Render = Callable[[PageKey], Awaitable[Page]]


@dataclass(slots=True)
class CacheEntry:
    """A rendered page, the time of its rendering and the latest snapshot for which it is known to be right, if any."""

    page: Page
    rendered_at: float
    snapshot: Snapshot


class _Reader(NamedTuple):
    """A request that waits for a page."""

    snapshot: Snapshot
    render: Render
    page: asyncio.Future[Page]


class PageCache:
    """Keeps pages in at most `max_bytes` of memory, each for `ttl` seconds. With a `ttl` of 0 it keeps none."""

    def __init__(self, *, ttl: float, max_bytes: int) -> None:
        self._ttl = ttl
        self._entries: LRUCache[PageKey, CacheEntry] = LRUCache(max_bytes, getsizeof=_memory)
        self._readers: dict[PageKey, list[_Reader]] = {}
        self._renderings = Background()
        self._unknown_at = -math.inf
        self.hits = self.misses = 0

    @property
    def entries(self) -> int:
        """The number of pages in it."""
        return len(self._entries)

    @property
    def size_bytes(self) -> int:
        """The memory that they take."""
        return int(self._entries.currsize)

    async def get(self, key: PageKey, snapshot: Snapshot, render: Render) -> Page:
        """The page, at least as new as the snapshot. `render` makes it when the cache has none that is right.

        Without a snapshot it is rendered, for all who wait, and what was rendered before counts no more: bumps may be
        lost, too.
        """
        if not self._ttl:
            return await render(key)
        if snapshot is None:
            self._unknown_at = time.monotonic()
        entry = self._entries.get(key)
        if (
            entry is None
            or time.monotonic() - entry.rendered_at >= self._ttl
            or entry.rendered_at <= self._unknown_at
            or not is_current(entry.snapshot, snapshot, key.feed, entry.page.authors)
        ):
            self.misses += 1
            return await self._rendered(key, snapshot, render)
        self.hits += 1
        entry.snapshot = snapshot
        return entry.page

    def _rendered(self, key: PageKey, snapshot: Snapshot, render: Render) -> asyncio.Future[Page]:
        """A future of the page. One rendering serves all readers who wait when it begins."""
        reader = _Reader(snapshot, render, asyncio.get_running_loop().create_future())
        if key in self._readers:
            self._readers[key].append(reader)
        else:
            self._readers[key] = [reader]
            self._renderings.start(self._serve_readers(key))
        return reader.page

    async def _serve_readers(self, key: PageKey) -> None:
        while self._readers[key]:
            if entry := self._entries.get(key):
                await asyncio.sleep(entry.rendered_at + MIN_RENDER_INTERVAL_S - time.monotonic())
            await self._serve_once(key)
        del self._readers[key]

    async def _serve_once(self, key: PageKey) -> None:
        """Render for the readers who wait, and for those who join meanwhile if the page is right for them."""
        readers, self._readers[key] = self._readers[key], []
        snapshot = readers[-1].snapshot  # the rendering begins after all of them were read
        rendered_at = time.monotonic()
        outcome: Page | Exception
        try:
            outcome = page = await readers[0].render(key)
            with suppress(ValueError):  # the page is larger than the whole cache
                self._entries[key] = CacheEntry(page, rendered_at, snapshot)
            joined, self._readers[key] = self._readers[key], []
            counts = rendered_at > self._unknown_at
            for reader in joined:
                current = counts and is_current(snapshot, reader.snapshot, key.feed, page.authors)
                (readers if current else self._readers[key]).append(reader)
        except Exception as error:
            outcome = error
        for reader in readers:
            settle(reader.page, outcome)


def _memory(entry: CacheEntry) -> int:
    """Memory of an entry in bytes. The gzip form and the authors together take less than the plain form."""
    return _ENTRY_BYTES + 2 * len(entry.page.plain)
