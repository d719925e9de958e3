"""The Redis client: an error reaches its caller alone, translated."""

import asyncio
from pathlib import Path

import pytest
from redis import Redis

from models.errors import StoreError, StoreUnavailable
from scripts.stores.private_servers import private_redis
from services.metrics.catalogue import Metrics
from services.redis.client import RedisClient, Script
from tests.harness.stores import REDIS_URL

FAILING = Script.of("fail", "return redis.error_reply('ERR refused')")
TIMEOUT_S = 20


@pytest.mark.gen_test
async def test_an_error_that_redis_replies_is_raised_in_its_caller_alone(store: Redis) -> None:
    client = RedisClient.from_url(REDIS_URL, timeout=TIMEOUT_S, max_batch=256, metrics=Metrics())
    first = asyncio.ensure_future(client.run(FAILING, ["k"], []))  # a lone command
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    behind = [asyncio.ensure_future(client.set(f"k{number}", "v")) for number in range(3)]
    with pytest.raises(StoreError, match="refused"):
        await first
    await asyncio.gather(*behind)
    assert [store.get(f"k{number}") for number in range(3)] == [b"v"] * 3
    await client.close()


@pytest.mark.gen_test
@pytest.mark.parametrize("max_batch", [1, 256])
async def test_every_caller_gets_the_reply_to_its_own_command(store: Redis, max_batch: int) -> None:
    client = RedisClient.from_url(REDIS_URL, timeout=TIMEOUT_S, max_batch=max_batch, metrics=Metrics())
    echo = Script.of("echo", "return ARGV[1]")
    texts = [f"é {number}\r\n" for number in range(100)]  # more than there are connections
    assert await asyncio.gather(*(client.run(echo, ["k"], [text]) for text in texts)) == [t.encode() for t in texts]
    await asyncio.gather(*(client.set(text, text, 100) for text in texts))
    assert await asyncio.gather(*map(client.get, texts)) == [text.encode() for text in texts]
    assert store.ttl(texts[0]) in (99, 100)
    await client.close()


@pytest.mark.gen_test
async def test_a_connection_that_redis_has_ended_is_replaced_unnoticed(tmp_path: Path) -> None:
    with private_redis(tmp_path, durable=False) as url, Redis.from_url(url) as own:
        client = RedisClient.from_url(url, timeout=TIMEOUT_S, max_batch=256, metrics=Metrics())
        for _ in range(2):
            await client.set("key", "value")
            own.client_kill_filter(_type="normal", skipme=True)
            await asyncio.sleep(0.1)  # the event loop sees the end
        assert await client.get("key") == b"value"
        await client.close()


@pytest.mark.gen_test
async def test_a_late_reply_reaches_nobody(tmp_path: Path) -> None:
    with private_redis(tmp_path, durable=False) as url, Redis.from_url(url) as own:
        client = RedisClient.from_url(url, timeout=0.3, max_batch=256, metrics=Metrics())
        count = Script.of("count", "return redis.call('INCR', 'count')")
        assert await client.run(count, ["k"], []) == 1
        own.client_pause(1000, all=True)
        with pytest.raises(StoreUnavailable, match="in time"):
            await client.run(count, ["k"], [])
        await asyncio.sleep(1)
        run = int(own.get("count") or 0)
        assert run <= 2  # not a second time
        assert await client.run(count, ["k"], []) == run + 1
        await client.close()


@pytest.mark.gen_test
async def test_a_command_without_an_answer_does_not_come_late() -> None:
    """The connection is reset, so that the system forgets what it has not delivered yet."""
    end: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()

    async def be_silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while b"GET" not in (received := await reader.read(65536)):
            writer.write(b"+OK\r\n" * received.count(b"*"))
        try:
            end.set_result(await reader.read())
        except ConnectionError as error:
            end.set_exception(error)
        writer.close()

    async with await asyncio.start_server(be_silent, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        client = RedisClient.from_url(f"redis://127.0.0.1:{port}", timeout=0.3, max_batch=256, metrics=Metrics())
        with pytest.raises(StoreUnavailable, match="in time"):
            await client.get("key")
        with pytest.raises(ConnectionResetError):
            await end
        await client.close()


@pytest.mark.gen_test
@pytest.mark.parametrize("password", ["wrong", ""])
async def test_wrong_credentials_are_no_passing_outage(tmp_path: Path, password: str) -> None:
    with private_redis(tmp_path, durable=False) as url:
        with Redis.from_url(url) as own:
            own.config_set("requirepass", "right")
        client = RedisClient.from_url(
            url + f"&password={password}" * bool(password), timeout=TIMEOUT_S, max_batch=1, metrics=Metrics()
        )
        with pytest.raises(StoreError) as raised:
            await client.get("key")
        assert type(raised.value) is StoreError
        await client.close()


@pytest.mark.gen_test
async def test_a_redis_that_is_away_is_a_passing_outage(tmp_path: Path) -> None:
    client = RedisClient.from_url(
        f"unix://{tmp_path}/nothing?db=0", timeout=TIMEOUT_S, max_batch=256, metrics=Metrics()
    )
    for call in (client.get("key"), client.set("key", "value")):
        with pytest.raises(StoreUnavailable):
            await call
    await client.close()
