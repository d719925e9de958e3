"""The page cache serves no reader a page older than the snapshot that the reader knows."""

import asyncio
from collections.abc import Callable

import pytest

from handlers.page_cache import Page, PageCache, PageKey
from services.snapshot import Feed

KEY = PageKey(Feed.UGC, 0, 20)


class Renderer:
    """Makes pages of what `content` says for the number of the page, in their order, and takes `seconds` for each."""

    def __init__(self, content: Callable[[int], bytes], seconds: float = 0) -> None:
        self._content = content
        self._seconds = seconds
        self.count = 0

    async def __call__(self, _: PageKey) -> Page:
        self.count += 1
        page = Page(self._content(self.count), frozenset())
        await asyncio.sleep(self._seconds)
        return page


@pytest.mark.gen_test
async def test_no_reader_gets_a_page_older_than_the_version_it_knows() -> None:
    now, rendered = 0, 0

    async def render(_: PageKey) -> Page:
        nonlocal rendered
        rendered += 1
        read = b"%d" % now
        await asyncio.sleep(0)
        return Page(read, frozenset())

    async def read() -> None:
        known = now
        page = await cache.get(KEY, bytes(8) + b"%08d" % known, render)
        assert int(page.plain) >= known

    cache = PageCache(ttl=60, max_bytes=1000)
    async with asyncio.timeout(20), asyncio.TaskGroup() as readers:
        while rendered < 10:  # a reader in every turn of the loop: each is the first to see a version
            now += 1
            readers.create_task(read())
            await asyncio.sleep(0)


@pytest.mark.gen_test
async def test_a_page_that_is_larger_than_all_that_may_be_kept_is_served_to_everybody() -> None:
    render = Renderer(lambda _: b"x" * 5000)
    cache = PageCache(ttl=60, max_bytes=10_000)
    async with asyncio.timeout(20):
        read = await asyncio.gather(*(cache.get(KEY, b"", render) for _ in range(3)))
        assert (render.count, {len(page.plain) for page in read}) == (1, {5000})
        await cache.get(KEY, b"", render)
    assert render.count == 2


@pytest.mark.gen_test
async def test_a_rendering_that_fails_fails_those_who_wait_for_it_and_no_others() -> None:
    failing, rendering = True, 0

    async def render(_: PageKey) -> Page:
        nonlocal rendering
        rendering += 1
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        rendering -= 1
        if failing:
            raise ZeroDivisionError
        return Page(b"page", frozenset())

    cache = PageCache(ttl=60, max_bytes=10_000)
    async with asyncio.timeout(20):
        read = await asyncio.gather(*(cache.get(KEY, b"", render) for _ in range(3)), return_exceptions=True)
        assert {type(error) for error in read} == {ZeroDivisionError}
        early = asyncio.ensure_future(cache.get(KEY, b"", render))
        while not rendering:
            await asyncio.sleep(0)
        late = asyncio.ensure_future(cache.get(KEY, b"", render))
        with pytest.raises(ZeroDivisionError):
            await early
        failing = False
        assert (await late).plain == b"page"


@pytest.mark.gen_test
async def test_of_empty_pages_too_only_some_are_kept() -> None:
    render = Renderer(lambda _: b"")
    cache = PageCache(ttl=60, max_bytes=100_000)
    for offset in (*range(1000), *reversed(range(1000))):
        await cache.get(PageKey(Feed.UGC, offset, 20), b"", render)
    assert 0 < 2000 - render.count < 100


@pytest.mark.gen_test
async def test_without_a_version_a_page_is_rendered_and_older_ones_count_no_more() -> None:
    render = Renderer(lambda number: b"page %d" % number)

    async def read(key: PageKey, snapshot: bytes | None) -> bytes:
        return (await cache.get(key, snapshot, render)).plain

    cache = PageCache(ttl=60, max_bytes=10_000)
    other = PageKey(Feed.REPLAYS, 0, 20)
    assert [await read(KEY, b""), await read(other, b"")] == [b"page 1", b"page 2"]
    together = await asyncio.gather(*(read(KEY, None) for _ in range(5)))
    assert together == [b"page 3"] * 5
    assert await read(KEY, None) == b"page 4"
    assert [await read(KEY, b""), await read(other, b"")] == [b"page 5", b"page 6"]  # bumps may be lost, too
    assert [await read(KEY, b""), await read(other, b"")] == [b"page 5", b"page 6"]


@pytest.mark.gen_test
async def test_a_rendering_that_began_before_a_fault_serves_nobody_who_comes_after_it() -> None:
    render = Renderer(lambda number: b"%d" % number, seconds=0.02)
    cache = PageCache(ttl=60, max_bytes=10_000)
    async with asyncio.timeout(20), asyncio.TaskGroup() as readers:
        before = readers.create_task(cache.get(KEY, b"version", render))
        await asyncio.sleep(0.01)
        readers.create_task(cache.get(KEY, None, render))  # a write of this moment may have lost its bump
        after = readers.create_task(cache.get(KEY, b"version", render))
    assert (before.result().plain, after.result().plain) == (b"1", b"2")
