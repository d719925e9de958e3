"""Rendered pages: a list looks the same to every caller, so the bytes of a page are made once per version of the list.

Every write that a list shows leaves its mark (`services.versions`), so a page is never older than the last write whose
answer its reader may have seen. A mark that got lost in a fault heals by the age of the page.
"""

import asyncio
import functools
import gzip
import time
from collections.abc import Awaitable, Callable, Hashable
from collections.abc import Set as AbstractSet
from contextlib import suppress
from dataclasses import dataclass
from typing import NamedTuple

from cachetools import LRUCache

from services.batches import settle
from services.versions import List, State, Versions

# Below that an answer fits a packet anyway; above it the event loop would stand still for too long (bytes).
_WORTH_COMPRESSING = range(1024, 2**20)
# Of 200 replays: level 3 takes a third of the time of level 6, for a sixth more bytes.
_GZIP_LEVEL = 3

# What a kept page takes beside its bytes (bytes): of empty ones there may be very many.
_OVERHEAD = 2048

# However often a list changes, a process renders each of its pages no more often than this (s).
_MOST_OFTEN = 0.01


class Page:
    """An answer as bytes, and compressed once for everyone who takes it so; `authors` are the users it shows."""

    def __init__(self, plain: bytes, authors: AbstractSet[str]) -> None:
        self.plain = plain
        self.authors = authors

    @functools.cached_property
    def gzipped(self) -> bytes | None:
        """None when compressing is not worth it."""
        return gzip.compress(self.plain, _GZIP_LEVEL, mtime=0) if len(self.plain) in _WORTH_COMPRESSING else None


Render = Callable[[], Awaitable[Page]]
Place = tuple[List, Hashable]


@dataclass(slots=True)
class _Kept:
    page: Page
    since: float
    state: State
    """The newest one in which the page is known to be right."""


class _Reader(NamedTuple):
    """Someone who waits for a page that is right in a state."""

    state: State
    render: Render
    page: asyncio.Future[Page]


class Pages:
    """Keeps pages in at most `most_bytes` of memory, each for `ttl` seconds; a `ttl` of 0 keeps none."""

    def __init__(self, versions: Versions, *, ttl: float, most_bytes: int) -> None:
        self._versions = versions
        self._ttl = ttl
        self._kept: LRUCache[Place, _Kept] = LRUCache(most_bytes, getsizeof=_memory)
        self._readers: dict[Place, list[_Reader]] = {}
        self._renderings: set[asyncio.Task[None]] = set()  # the loop alone would let them be collected

    async def get(self, of: List, key: Hashable, render: Render) -> Page:
        """The page `key` of a list; `render` makes it when there is none that is still right."""
        if not self._ttl:
            return await render()
        place = (of, key)
        state = self._versions.current(of)
        kept = self._kept.get(place)
        if kept is None or time.monotonic() - kept.since >= self._ttl or not kept.state.holds(state, kept.page.authors):
            return await self._rendered(place, state, render)
        kept.state = state
        return kept.page

    def _rendered(self, place: Place, state: State, render: Render) -> asyncio.Future[Page]:
        """The page to come from a rendering that serves everybody who waits."""
        reader = _Reader(state, render, asyncio.get_running_loop().create_future())
        if place in self._readers:
            self._readers[place].append(reader)
        else:
            self._readers[place] = [reader]
            self._next(place)
        return reader.page

    def _next(self, place: Place) -> None:
        """Render for those who wait; once that is over, and not too soon, go on so until nobody does."""
        if not self._readers[place]:
            del self._readers[place]
            return
        rendering = asyncio.create_task(self._render(place))
        self._renderings.add(rendering)
        rendering.add_done_callback(self._renderings.discard)
        later = functools.partial(rendering.add_done_callback, lambda _: self._next(place))
        asyncio.get_running_loop().call_later(_MOST_OFTEN, later)

    async def _render(self, place: Place) -> None:
        """Serve those who wait already, and of those who come meanwhile whom the page still suits."""
        served, self._readers[place] = self._readers[place], []
        since, state = time.monotonic(), self._versions.current(place[0])
        outcome: Page | Exception
        try:
            outcome = page = await served[0].render()
            with suppress(ValueError):  # larger than everything that may be kept
                self._kept[place] = _Kept(page, since, state)
            late, self._readers[place] = self._readers[place], []
            for reader in late:
                (served if state.holds(reader.state, page.authors) else self._readers[place]).append(reader)
        except Exception as error:
            outcome = error
        for reader in served:
            settle(reader.page, outcome)


def _memory(kept: _Kept) -> int:
    """What a page takes (bytes): the gzip form and the authors together take less than the plain form does."""
    return _OVERHEAD + 2 * len(kept.page.plain)
