"""Writes through several nodes of a Galera cluster at once.

Nobody should let that happen: one node takes all writes, and another one when it is gone. But two balancers may disagree
for a moment about which one it is.
"""

import json
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from tornado import gen

from tests.cluster.conftest import wait_until_applied
from tests.harness.client import PASSWORD, Api
from tests.harness.events import event
from tests.harness.stores import connect_mysql

FORMATS = ("mp4", "hls", "flv")
BROADCASTS = 60
DELIVERIES = 12  # Tencent tries that often


async def deliver(processes: list[Api], userid: str, number: int) -> int:
    """Deliver a recording as Tencent does, again after a refusal. Returns the number of refusals."""
    file_format = FORMATS[number % 3]
    name = f"{file_format}_{userid}"
    recording = event(stream_id=f"5000_{userid}", file_id=name, video_url=f"http://vod/{name}", file_format=file_format)
    for refusals in range(DELIVERIES):
        server = processes[(number + refusals) % 3]
        answer = await server.fetch("/callback/tape_callback", json.dumps(recording).encode())
        if answer.code == 200:
            return refusals
        assert answer.code == 503
    raise AssertionError(f"{name} was refused {DELIVERIES} times")


@pytest.mark.gen_test
async def test_sixty_broadcasts_in_three_formats_through_three_nodes_are_sixty_replays(
    processes: list[Api], nodes: list[str]
) -> None:
    users = [(await processes[0].user(f"anchor{number:02}")).userid for number in range(BROADCASTS)]
    wait_until_applied(nodes)
    refusals = await gen.multi([deliver(processes, userid, number) for userid in users for number in range(3)])
    assert sum(refusals) < len(refusals) / 10  # who meets another one is not refused, but runs again
    wait_until_applied(nodes)
    for node in nodes:
        with connect_mysql(node) as connection, connection.cursor() as cursor:
            cursor.execute("SELECT userid, play_url, hls_play_url FROM tb_vod ORDER BY userid")
            assert list(cursor.fetchall()) == [
                (userid, f"http://vod/mp4_{userid}", f"http://vod/hls_{userid}") for userid in users
            ]


@pytest.mark.gen_test
async def test_a_row_that_all_nodes_write_at_once_is_written_without_a_refusal(
    processes: list[Api], nodes: list[str]
) -> None:
    user = await processes[0].user("alice")
    wait_until_applied(nodes)
    calls = [
        each.call("/upload_user_info", {"nickname": f"name {number}"}, token=user.token)
        for number in range(8)
        for each in processes
    ]
    assert Counter(answer["code"] for answer in await gen.multi(calls)) == {200: 24}


@pytest.mark.gen_test
async def test_a_name_that_is_registered_through_all_nodes_at_once_belongs_to_one(processes: list[Api]) -> None:
    for number in range(10):
        calls = [each.call("/register", {"userid": f"bob{number}", "password": PASSWORD}) for each in processes]
        codes = Counter(answer["code"] for answer in await gen.multi(calls))
        assert codes == {200: 1, 612: 2}


@contextmanager
def not_ready(node: str) -> Iterator[None]:
    """The node answers as one that joins the cluster or has lost the others: with error 1047."""
    with connect_mysql(node, autocommit=True) as connection, connection.cursor() as cursor:
        cursor.execute("SET GLOBAL wsrep_reject_queries = 'ALL'")
        try:
            yield
        finally:
            cursor.execute("SET GLOBAL wsrep_reject_queries = 'NONE'")


@pytest.mark.gen_test
async def test_a_node_that_is_not_ready_is_unavailable(processes: list[Api], nodes: list[str]) -> None:
    register = {"userid": "carol", "password": PASSWORD}
    with not_ready(nodes[2]):
        assert (await processes[2].call("/register", register))["code"] == 503
    assert (await processes[2].call("/register", register))["code"] == 200
