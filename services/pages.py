"""Rendered pages: a list looks the same to every caller, so the bytes of a page are made once per version of the list.

Every write that a list shows leaves its mark (`services.versions`), so a page is never older than the last write whose
answer its reader may have seen. A mark that got lost in a fault heals by the age of the page.
"""

import asyncio
import gzip
import time
from collections.abc import Awaitable, Callable, Hashable
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

from cachetools import LRUCache

from services.versions import List, State, Versions

# Below it an answer fits a packet anyway (bytes).
_WORTH_COMPRESSING = 1024
# Of 200 replays: level 3 takes a third of the time of level 6, for a sixth more bytes.
_GZIP_LEVEL = 3

# However often a list changes, a process spends no more on it than this allows (s).
_MOST_OFTEN = 0.01


class Page:
    """An answer as bytes, and compressed once for everyone who takes it so; `authors` are the users it shows."""

    def __init__(self, plain: bytes, authors: AbstractSet[str]) -> None:
        self.plain = plain
        self.authors = authors

    @cached_property
    def gzipped(self) -> bytes | None:
        """None when compressing is not worth it."""
        return gzip.compress(self.plain, _GZIP_LEVEL, mtime=0) if len(self.plain) >= _WORTH_COMPRESSING else None


Render = Callable[[], Awaitable[Page]]
Place = tuple[List, Hashable]


@dataclass(slots=True)
class _Kept:
    page: Page
    since: float
    state: State
    """The newest one in which the page is known to be right."""


class _Rendering(NamedTuple):
    state: State
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
        """The page `key` of a list; `render` makes it when there is none that is still right."""
        if not self._ttl:
            return await render()
        state = self._versions.current(of)
        kept = self._kept.get((of, key))
        if kept is None or time.monotonic() - kept.since >= self._ttl or not kept.state.holds(state, kept.page.authors):
            return await self._rendered((of, key), state, render)
        kept.state = state
        return kept.page

    async def _rendered(self, place: Place, state: State, render: Render) -> Page:
        """The page from a rendering that everybody waits for: one at a time, and not too often."""
        rendering = self._rendering.get(place)
        if rendering is not None:
            page = await asyncio.shield(rendering.page)
            if rendering.state.holds(state, page.authors):
                return page
            await asyncio.shield(rendering.over)  # it began too early for us; the next one does for all who wait here
            rendering = self._rendering.get(place)
        return await asyncio.shield((rendering or self._begin(place, render)).page)

    def _begin(self, place: Place, render: Render) -> _Rendering:
        loop = asyncio.get_running_loop()
        state = self._versions.current(place[0])
        rendering = _Rendering(state, loop.create_task(self._render(place, state, render)), loop.create_future())
        self._rendering[place] = rendering
        loop.call_later(_MOST_OFTEN, rendering.page.add_done_callback, lambda _: self._leave(place))
        return rendering

    def _leave(self, place: Place) -> None:
        """Both in one step: whoever finds the rendering over must not find it in its place."""
        self._rendering.pop(place).over.set_result(None)

    async def _render(self, place: Place, state: State, render: Render) -> Page:
        since = time.monotonic()
        page = await render()
        self._kept[place] = _Kept(page, since, state)
        return page
