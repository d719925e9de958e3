"""The deadline of a request moves by the time that its hash takes, and by no more."""

import math
import time

import pytest

from models.deadline import Deadline, begin, extended, remaining


@pytest.mark.gen_test
async def test_time_that_an_extension_does_not_take_is_given_back() -> None:
    begin(Deadline(time.monotonic() + 60))
    for _ in range(2):
        with extended(600):
            assert 600 < remaining() < 660
            time.sleep(0.01)
    assert remaining() <= 60


@pytest.mark.gen_test
async def test_time_that_an_extension_takes_comes_on_top() -> None:
    deadline = Deadline(time.monotonic() + 60)
    begin(deadline)
    before = deadline.at
    with extended(600):
        time.sleep(0.01)
    assert before + 0.01 <= deadline.at < before + 60


@pytest.mark.gen_test
async def test_a_request_that_was_given_up_meanwhile_stays_so() -> None:
    deadline = Deadline(time.monotonic() + 60)
    begin(deadline)
    with extended(600):
        deadline.at = math.inf
    assert deadline.at == math.inf
