"""Coalescing hands each caller its own value, and lets nobody wait for a second call to a store that hangs."""

import asyncio
from collections.abc import Sequence

import pytest

from services.batch_loader import BatchLoader
from services.metrics.families import Histogram

MAX_BATCH = 4


@pytest.mark.gen_test
async def test_the_keys_of_one_iteration_are_one_call_and_the_rest_follow_when_it_is_back() -> None:
    calls: list[list[int]] = []

    async def double(numbers: list[int]) -> list[int]:
        calls.append(numbers)
        await asyncio.sleep(0)
        return [2 * number for number in numbers]

    sizes = Histogram([2, 3])
    loader = BatchLoader(double, max_batch=MAX_BATCH, sizes=sizes)
    assert await asyncio.gather(*map(loader.load, range(6))) == [0, 2, 4, 6, 8, 10]
    assert calls == [[0, 1, 2, 3], [4, 5]]
    assert (sizes.counts, sizes.sum) == ([1, 0, 1], 6)


@pytest.mark.gen_test
async def test_a_value_that_is_an_exception_is_raised_in_its_caller_alone() -> None:
    async def fetch(numbers: list[int]) -> list[int | Exception]:
        return [ValueError(number) if number == 1 else number for number in numbers]

    loader: BatchLoader[int, int] = BatchLoader(fetch, max_batch=MAX_BATCH)
    first, second, third = await asyncio.gather(*map(loader.load, range(3)), return_exceptions=True)
    assert (first, repr(second), third) == (0, "ValueError(1)", 2)


@pytest.mark.gen_test
async def test_nobody_waits_for_a_second_call_that_fails() -> None:
    calls = 0

    async def hang(numbers: list[int]) -> Sequence[int]:
        nonlocal calls
        calls += 1
        for _ in range(10):
            await asyncio.sleep(0)
        raise TimeoutError

    loader = BatchLoader(hang, max_batch=MAX_BATCH)
    early = [loader.load(number) for number in range(3 * MAX_BATCH)]
    await asyncio.sleep(0)
    await asyncio.sleep(0)  # the first call is under way
    meanwhile = [loader.load(number) for number in range(3 * MAX_BATCH)]
    errors = await asyncio.gather(*early, *meanwhile, return_exceptions=True)
    assert ({type(error) for error in errors}, calls) == ({TimeoutError}, 1)
    with pytest.raises(TimeoutError):
        await loader.load(0)
    assert calls == 2


@pytest.mark.gen_test
async def test_a_wrong_number_of_values_fails_every_caller() -> None:
    async def fetch(numbers: list[int]) -> list[int]:
        return numbers[1:]

    loader = BatchLoader(fetch, max_batch=MAX_BATCH)
    async with asyncio.timeout(20):
        answers = await asyncio.gather(*map(loader.load, range(3)), return_exceptions=True)
    assert {type(answer) for answer in answers} == {ValueError}


@pytest.mark.gen_test
async def test_a_caller_that_goes_away_takes_no_value_from_the_others() -> None:
    async def fetch(numbers: list[int]) -> list[int]:
        await asyncio.sleep(0)
        return numbers

    loader = BatchLoader(fetch, max_batch=MAX_BATCH)
    gone, here = loader.load(1), loader.load(2)
    gone.cancel()
    assert await here == 2
