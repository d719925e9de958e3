"""The versions of the lists: a write whose bump fails is made up for."""

import asyncio
from collections.abc import Sequence
from typing import cast

import pytest

from services import feeds
from services.batch_loader import BatchLoader
from services.errors import StoreUnavailable
from services.feeds import Feeds, known
from services.redis.client import RedisClient
from services.snapshot import Feed


class _Redis:
    """Fails or takes bumps, and takes them slowly if that is asked for."""

    def __init__(self) -> None:
        self.fails = True
        self.bumps = 0
        self.answers = asyncio.Event()

    async def set_range(self, *_: object) -> None:
        if self.fails:
            raise StoreUnavailable("redis", "gone", "SETRANGE")
        self.bumps += 1
        await self.answers.wait()


@pytest.mark.gen_test
async def test_a_bump_that_fails_during_another_ones_repetition_is_repeated_too(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(feeds, "_RETRY_S", 0)
    redis = _Redis()
    lists = Feeds(cast(RedisClient, redis), max_batch=1)
    async with asyncio.timeout(20):
        await lists.bump(Feed.UGC)
        redis.fails = False
        while redis.bumps < len(Feed):  # Redis has taken the repetition, and its answer is on the way
            await asyncio.sleep(0)
        redis.fails = True
        await lists.bump(Feed.UGC)  # of a write that was committed since
        redis.fails = False
        redis.answers.set()
        while redis.bumps < 2 * len(Feed):
            await asyncio.sleep(0)
    await lists.close()


class _Versions:
    """Answers look-ups when it is told to, and counts them."""

    def __init__(self, max_batch: int = 10) -> None:
        self.answers = asyncio.Event()
        self.outcome: bytes | Exception = b"versions"
        self.looked_up = 0
        self._loader: BatchLoader[str, bytes | None] = BatchLoader(self._fetch, max_batch=max_batch)

    def get(self, key: str) -> "asyncio.Future[bytes | None]":
        self.looked_up += 1
        return self._loader.load(key)

    async def _fetch(self, keys: list[str]) -> Sequence[bytes | Exception | None]:
        await self.answers.wait()
        return [self.outcome] * len(keys)


@pytest.mark.gen_test
@pytest.mark.parametrize("max_batch", [1, 10])
async def test_the_readers_of_an_iteration_share_a_look_up_and_later_ones_do_not(max_batch: int) -> None:
    redis = _Versions(max_batch)
    lists = Feeds(cast(RedisClient, redis), max_batch=1)
    first = [lists.look_up(), lists.look_up()]
    await asyncio.sleep(0)
    await asyncio.sleep(0)  # the look-up is under way
    later = [lists.look_up(), lists.look_up()]
    assert first[0] is first[1] is not later[0] is later[1]
    assert redis.looked_up == 2
    redis.answers.set()
    assert await asyncio.gather(*map(known, [*first, *later])) == [b"versions"] * 4


@pytest.mark.gen_test
async def test_a_reader_who_leaves_takes_no_versions_from_the_others() -> None:
    redis = _Versions()
    lists = Feeds(cast(RedisClient, redis), max_batch=1)
    readers = [asyncio.create_task(known(lists.look_up())) for _ in range(3)]
    await asyncio.sleep(0)
    readers[0].cancel()
    await asyncio.sleep(0)
    redis.answers.set()
    assert [await reader for reader in readers[1:]] == [b"versions"] * 2
    assert readers[0].cancelled()


@pytest.mark.gen_test
async def test_all_readers_of_a_look_up_that_fails_do_without_versions() -> None:
    redis = _Versions()
    redis.outcome = StoreUnavailable("redis", "gone", "GET")
    redis.answers.set()
    lists = Feeds(cast(RedisClient, redis), max_batch=1)
    looked_up = [lists.look_up() for _ in range(3)]
    assert [await known(versions) for versions in looked_up] == [None] * 3
