"""The versions of the lists: a write whose bump fails is made up for."""

import asyncio
from typing import cast

import pytest

from services import feeds
from services.errors import StoreUnavailable
from services.feeds import Feeds
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
