"""Coalescing gives every caller its own answer, and lets none wait behind a store that hangs."""

import asyncio
from collections.abc import Sequence
from typing import Any, cast

import pytest

from services.batches import Batches
from services.coalesced_redis import CoalescedRedis

MAX = 4


@pytest.mark.gen_test
async def test_keys_of_one_iteration_are_loaded_together_and_the_rest_right_after() -> None:
    calls: list[list[int]] = []

    async def double(numbers: list[int]) -> list[int]:
        calls.append(numbers)
        await asyncio.sleep(0)
        return [2 * number for number in numbers]

    batches = Batches(double, most=MAX)
    assert await asyncio.gather(*map(batches.ask, range(6))) == [0, 2, 4, 6, 8, 10]
    assert calls == [[0, 1, 2, 3], [4, 5]]


@pytest.mark.gen_test
async def test_an_exception_as_an_answer_reaches_only_its_own_caller() -> None:
    async def fetch(numbers: list[int]) -> list[int | Exception]:
        return [ValueError(number) if number == 1 else number for number in numbers]

    batches: Batches[int, int] = Batches(fetch, most=MAX)
    first, second, third = await asyncio.gather(*map(batches.ask, range(3)), return_exceptions=True)
    assert (first, repr(second), third) == (0, "ValueError(1)", 2)


@pytest.mark.gen_test
async def test_no_caller_waits_for_more_than_two_failing_calls() -> None:
    calls = 0

    async def hang(numbers: list[int]) -> Sequence[int]:
        nonlocal calls
        calls += 1
        for _ in range(10):
            await asyncio.sleep(0)
        if calls == 2:
            late.append(batches.ask(0))
        raise TimeoutError

    late: list[asyncio.Future[int]] = []
    batches = Batches(hang, most=MAX)
    early = [batches.ask(number) for number in range(3 * MAX)]
    await asyncio.sleep(0)
    await asyncio.sleep(0)  # the first call is under way
    meanwhile = [batches.ask(number) for number in range(3 * MAX)]
    assert {type(error) for error in await asyncio.gather(*early, return_exceptions=True)} == {TimeoutError}
    assert calls == 1
    assert {type(error) for error in await asyncio.gather(*meanwhile, return_exceptions=True)} == {TimeoutError}
    assert calls == 2
    with pytest.raises(TimeoutError):
        await late[0]
    assert calls == 3


@pytest.mark.gen_test
async def test_a_wrong_number_of_answers_fails_every_caller() -> None:
    async def fetch(numbers: list[int]) -> list[int]:
        return numbers[1:]

    batches = Batches(fetch, most=MAX)
    async with asyncio.timeout(20):
        answers = await asyncio.gather(*map(batches.ask, range(3)), return_exceptions=True)
    assert {type(answer) for answer in answers} == {ValueError}


@pytest.mark.gen_test
async def test_a_cancelled_caller_takes_no_answer_from_the_others() -> None:
    async def fetch(numbers: list[int]) -> list[int]:
        await asyncio.sleep(0)
        return numbers

    batches = Batches(fetch, most=MAX)
    gone, here = batches.ask(1), batches.ask(2)
    gone.cancel()
    assert await here == 2


@pytest.mark.gen_test
async def test_an_overtaken_answer_does_not_make_a_version_older() -> None:
    answers: list[asyncio.Future[list[bytes]]] = []

    class Redis:
        async def mget(self, keys: list[str]) -> list[bytes]:
            answers.append(asyncio.get_running_loop().create_future())
            return await answers[-1]

    redis = CoalescedRedis(cast(Any, Redis()), along=["version"], timeout=20, most=1)
    earlier, later = asyncio.ensure_future(redis.get("a")), asyncio.ensure_future(redis.get("b"))
    while len(answers) < 2:
        await asyncio.sleep(0)
    answers[1].set_result([b"b", b"new"])
    assert (await later, redis.along["version"]) == (b"b", b"new")
    answers[0].set_result([b"a", b"old"])
    assert (await earlier, redis.along["version"]) == (b"a", b"new")
