"""Connections: their registration in the loop, and the limit of unread requests."""

import asyncio
from contextlib import suppress

import pytest

from tests.harness.client import Api, request
from tests.harness.stores import connect_mysql


@pytest.mark.gen_test
@pytest.mark.logs_errors
async def test_no_client_sends_far_ahead_of_an_answer(api: Api, http_port: int) -> None:
    user = await api.user()
    _, writer = await asyncio.open_connection("127.0.0.1", http_port)
    sent = 0
    with connect_mysql() as holder:
        holder.cursor().execute("SELECT * FROM tb_account FOR UPDATE")  # the update has to wait for this lock
        writer.write(request("/upload_user_info", {"nickname": "x"}, user.token))
        with suppress(ConnectionError, TimeoutError):  # cut off, or on Tornado's own loop no longer read
            for _ in range(1000):
                writer.write(bytes(64 * 1024))
                async with asyncio.timeout(1):
                    await writer.drain()
                sent += 64 * 1024
    writer.close()
    assert sent < 32 * 2**20  # the buffers of both sockets, with a margin
    assert (await api.call("/get_user_info", token=user.token))["code"] == 200
