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

# However often a list changes, a process spends no more on it than this allows (s).
_MOST_OFTEN = 0.02

Render = Callable[[], Awaitable[bytes]]
Place = tuple[List, Hashable]


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


class _Rendering(NamedTuple):
    version: bytes | None
    page: asyncio.Task[Page]
    over: asyncio.Future[None]
    """Done when the next rendering may begin."""


class Pages:
    """Keeps at most `most_bytes` of pages, each for `ttl` seconds; a `ttl` of 0 keeps none."""

    def __init__(self, versions: Versions, *, ttl: float, most_bytes: int) -> None:
        self._versions = versions
        self._ttl = ttl
        self._kept: LRUCache[Place, _Kept] = LRUCache(most_bytes, getsizeof=lambda kept: len(kept.page.plain))
        self._rendering: dict[Place, _Rendering] = {}

    async def get(self, of: List, key: Hashable, render: Render) -> Page:
        """The page `key` of a list; `render` makes it when there is none of the list's current version."""
        if not self._ttl:
            return Page(await render())
        version = self._versions.current(of)
        kept = self._kept.get((of, key))
        if kept is not None and kept.version == version and time.monotonic() - kept.since < self._ttl:
            return kept.page
        return await self._rendered((of, key), version, render)

    async def _rendered(self, place: Place, version: bytes | None, render: Render) -> Page:
        """The page from a rendering that everybody waits for: one at a time, and not too often."""
        rendering = self._rendering.get(place)
        if rendering is not None and rendering.version != version:
            await asyncio.shield(rendering.over)  # it began too early for us; the next one does for all who wait here
            rendering = self._rendering.get(place)
        return await asyncio.shield((rendering or self._begin(place, render)).page)

    def _begin(self, place: Place, render: Render) -> _Rendering:
        loop = asyncio.get_running_loop()
        version = self._versions.current(place[0])
        rendering = _Rendering(version, loop.create_task(self._render(place, version, render)), loop.create_future())
        self._rendering[place] = rendering
        loop.call_later(_MOST_OFTEN, rendering.page.add_done_callback, lambda _: self._leave(place))
        return rendering

    def _leave(self, place: Place) -> None:
        """Both in one step: whoever finds the rendering over must not find it in its place."""
        self._rendering.pop(place).over.set_result(None)

    async def _render(self, place: Place, version: bytes | None, render: Render) -> Page:
        since = time.monotonic()
        page = Page(await render())
        self._kept[place] = _Kept(version, since, page)
        return page
