"""Rendered pages: a list looks the same to every caller, so the bytes of a page are made once per version of the list.

Every write that changes a list changes its version (`services.versions`), so a page is never older than the last write
whose answer its reader may have seen. A change of version that got lost in a fault heals by the age of the page.
"""

import asyncio
import gzip
import time
from collections.abc import Awaitable, Callable, Hashable
from functools import cached_property
from typing import NamedTuple

from cachetools import LRUCache

from services.versions import List, Versions

# Below it an answer fits a packet anyway (bytes).
_WORTH_COMPRESSING = 1024
# Of 200 replays: level 3 takes a third of the time of level 6, for a sixth more bytes.
_GZIP_LEVEL = 3

Render = Callable[[], Awaitable[bytes]]


class Page:
    """An answer as bytes, and compressed once for everyone who takes it so."""

    def __init__(self, plain: bytes) -> None:
        self.plain = plain

    @cached_property
    def gzipped(self) -> bytes | None:
        """None when compressing is not worth it."""
        return gzip.compress(self.plain, _GZIP_LEVEL, mtime=0) if len(self.plain) >= _WORTH_COMPRESSING else None


class _Kept(NamedTuple):
    version: bytes | None
    since: float
    page: Page


class Pages:
    """Keeps at most `most_bytes` of pages, each for `ttl` seconds; a `ttl` of 0 keeps none."""

    def __init__(self, versions: Versions, *, ttl: float, most_bytes: int) -> None:
        self._versions = versions
        self._ttl = ttl
        self._kept: LRUCache[Hashable, _Kept] = LRUCache(most_bytes, getsizeof=lambda kept: len(kept.page.plain))
        self._rendering: dict[Hashable, asyncio.Task[Page]] = {}

    async def get(self, of: List, key: Hashable, render: Render) -> Page:
        """The page `key` of a list; `render` makes it when there is none of the list's current version."""
        if not self._ttl:
            return Page(await render())
        version = self._versions.current(of)
        kept = self._kept.get((of, key))
        if kept is not None and kept.version == version and time.monotonic() - kept.since < self._ttl:
            return kept.page
        return await self._rendered((of, key), version, render)

    async def _rendered(self, key: Hashable, version: bytes | None, render: Render) -> Page:
        """The page from the one rendering of this version that everybody waits for."""
        rendering = self._rendering.get((key, version))
        if rendering is None:
            rendering = self._rendering[key, version] = asyncio.create_task(self._render(key, version, render))
            rendering.add_done_callback(lambda _: self._rendering.pop((key, version)))
        return await asyncio.shield(rendering)

    async def _render(self, key: Hashable, version: bytes | None, render: Render) -> Page:
        since = time.monotonic()
        page = Page(await render())
        self._kept[key] = _Kept(version, since, page)
        return page
