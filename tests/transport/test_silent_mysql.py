"""A MySQL that accepts connections and stays silent, as after a lost host: it stops nobody for good."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any

import pytest
from pydantic import SecretStr
from pymysql.cursors import Cursor

from conf.settings import MySQL, Settings, mysql_arguments
from tests.harness.client import Api, User
from tests.harness.main_process import PATIENCE
from tests.harness.second_application import another_process
from tests.harness.stores import DATABASE, MYSQL_URL

CALLERS = 30


class Line:
    """Passes connections on to MySQL. A connection that was open when the line went dead stays open and silent.

    What was sent into the dead line is delivered late, as TCP does it, unless the sender has reset the connection.
    """

    def __init__(self) -> None:
        self.dead = False
        self._generation = 0
        self._delivery = asyncio.Event()
        self._passing: list[asyncio.Future[Any]] = []

    def cut(self) -> None:
        """Go dead."""
        self.dead = True
        self._generation += 1

    async def deliver(self) -> None:
        """Deliver what is late. Returns when MySQL has answered, and every connection is closed."""
        self._delivery.set()
        await asyncio.gather(*self._passing)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self.dead:
            with suppress(ConnectionError):
                await reader.read()  # until the client gives up
            await close(writer)
            return
        there_reader, there_writer = await asyncio.open_unix_connection(mysql_arguments(MYSQL_URL)["unix_socket"])
        passing = asyncio.gather(self._pass(reader, there_writer), self._pass(there_reader, writer))
        self._passing.append(passing)
        try:
            await passing
        finally:
            await close(writer)
            await close(there_writer)

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        generation, late = self._generation, []
        try:
            while data := await reader.read(65536):
                if not self.dead and generation == self._generation:
                    writer.write(data)
                else:
                    late.append(data)
            if late:
                await self._delivery.wait()
                writer.writelines(late)
            writer.write_eof()
        except OSError:
            writer.close()  # as the other end did


async def close(writer: asyncio.StreamWriter) -> None:
    """Close a connection that the other end may have closed."""
    writer.close()
    with suppress(ConnectionError):
        await writer.wait_closed()


@asynccontextmanager
async def line_to_mysql() -> AsyncIterator[tuple[Line, str]]:
    """A line, and the URL of MySQL at its end."""
    line = Line()
    server = await asyncio.start_server(line.serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    async with server:
        yield line, f"mysql://root@127.0.0.1:{port}/{DATABASE}"


def limited(conf: Settings, url: str, *, shipped: bool) -> Settings:
    """The settings for this MySQL, with the limits that are shipped or with short ones."""
    fields = MySQL.model_fields
    limits = {
        name: fields[name].default if shipped else 0.4
        for name in ("acquire_timeout", "query_timeout", "long_query_timeout")
    }
    deadline = type(conf.http).model_fields["deadline"].default if shipped else 0.6
    return conf.model_copy(
        update={
            "mysql": conf.mysql.model_copy(update={"url": SecretStr(url), **limits}),
            "http": conf.http.model_copy(update={"deadline": deadline}),
        }
    )


async def codes(api: Api, users: list[User]) -> list[int]:
    """The answers to a read and a write of each user, all at once."""
    reads = [api.call("/get_user_info", token=user.token) for user in users]
    writes = [api.call("/upload_user_info", {"sex": 1}, token=user.token) for user in users]
    return [answer["code"] for answer in await asyncio.gather(*reads, *writes)]


async def name(api: Api, user: User, nickname: str) -> int:
    """Upload a nickname. Returns the code of the answer."""
    return int((await api.call("/upload_user_info", {"nickname": nickname}, token=user.token))["code"])


async def until_served(api: Api, users: list[User]) -> None:
    """Return when all are answered 200. With short limits a busy machine takes some tries."""
    async with asyncio.timeout(PATIENCE):
        while set(await codes(api, users)) != {200}:
            await asyncio.sleep(0.05)


@pytest.mark.gen_test
@pytest.mark.parametrize("shipped", [True, False])
async def test_it_is_given_up_in_time_and_used_again_when_it_answers(
    api: Api, conf: Settings, mysql: Cursor, shipped: bool
) -> None:
    users = [await api.user() for _ in range(CALLERS)]
    async with line_to_mysql() as (line, url), another_process(api, limited(conf, url, shipped=shipped)) as other:
        await until_served(other, users)
        line.cut()
        async with asyncio.timeout(PATIENCE):
            for _ in range(2):  # on the open connections, and on new ones
                assert set(await codes(other, users)) == {503}
                assert (await other.call("/get_vod_sign", token=users[0].token))["code"] == 200
        line.dead = False
        await until_served(other, users)


@pytest.mark.gen_test
async def test_a_refused_write_does_not_come_late_behind_an_acknowledged_one(
    api: Api, conf: Settings, mysql: Cursor
) -> None:
    user = await api.user()
    async with line_to_mysql() as (line, url), another_process(api, limited(conf, url, shipped=False)) as other:
        await until_served(other, [user])
        line.cut()
        assert await name(other, user, "0") == 503
        line.dead = False
        number = 1
        async with asyncio.timeout(PATIENCE):
            while await name(other, user, str(number)) != 200:
                number += 1
    await line.deliver()
    mysql.execute("SELECT nickname FROM tb_account WHERE userid = %s", (user.userid,))
    assert mysql.fetchone() == (str(number),)
