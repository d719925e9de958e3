"""A Redis Cluster whose slots move and whose nodes fail, under load."""

import asyncio
import json
import os
import signal
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AbstractContextManager, asynccontextmanager, contextmanager
from itertools import count
from pathlib import Path
from typing import TypeVar

import pytest
import trustme
from pydantic import SecretStr
from pymysql.cursors import Cursor
from redis.crc import key_slot

from conf.settings import Settings
from scripts.stores.private_cluster import (
    PRIMARIES,
    Node,
    PrivateCluster,
    begin_move,
    end_move,
    move_keys,
    move_slot,
    private_redis_cluster,
)
from services.errors import StoreError, StoreUnavailable
from services.metrics.catalogue import Metrics
from services.redis import keys
from services.redis.client import RedisClient, Script
from tests.harness.client import Api, User
from tests.harness.lists import LISTS, VIDEO, insert, listed
from tests.harness.main_process import PATIENCE
from tests.harness.second_application import another_process

T = TypeVar("T")
COUNT = Script.of("count", "redis.call('INCR', KEYS[1]) return redis.call('INCR', KEYS[2])")


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PrivateCluster]:
    """A cluster with replicas that take over soon. Its tests repair what they break."""
    with private_redis_cluster(tmp_path_factory.mktemp("cluster"), node_timeout_ms=1000) as cluster:
        yield cluster


@asynccontextmanager
async def connected(url: str) -> AsyncIterator[RedisClient]:
    client = RedisClient.from_url(url, timeout=PATIENCE, max_batch=256, metrics=Metrics())
    try:
        yield client
    finally:
        await client.close()


async def eventually(condition: Callable[[], Awaitable[T]]) -> T:
    """Poll until the condition is true; its value."""
    async with asyncio.timeout(PATIENCE):
        while not (value := await condition()):
            await asyncio.sleep(0.02)
    return value


@asynccontextmanager
async def using(client: RedisClient) -> AsyncIterator[list[int]]:
    """Users of all slots read and write for the duration of the block; the number of their calls. Each must succeed."""
    calls = [0]

    async def user(number: int) -> None:
        pair = [f"{{user{number}}}:one", f"{{user{number}}}:two"]
        for step in count(1):
            assert await client.run(COUNT, pair, []) == step
            assert await client.get(pair[0]) == b"%d" % step
            calls[0] += 1

    users = [asyncio.create_task(user(number)) for number in range(20)]
    try:
        yield calls
        before = calls[0]
        await eventually(lambda: _is(calls[0] > before + 100))
        assert not [task.exception() for task in users if task.done()]
    finally:
        for task in users:
            task.cancel()
        await asyncio.gather(*users, return_exceptions=True)


async def _is(value: T) -> T:
    return value


def moved_away(cluster: PrivateCluster, key: str) -> tuple[int, Node, Node]:
    """The slot of a key, its node, and another one."""
    source = cluster.primary(key)
    return key_slot(key.encode()), source, next(node for node in cluster.nodes if node.slots() and node is not source)


@pytest.mark.gen_test
async def test_a_planned_failover_and_moved_slots_are_not_noticed(cluster: PrivateCluster) -> None:
    async with connected(cluster.url) as client, using(client) as calls:
        await eventually(lambda: _is(calls[0] > 100))
        for number in range(0, 20, 3):
            move_slot(*moved_away(cluster, f"{{user{number}}}"))
        promoted = next(node for node in cluster.nodes if not node.slots())
        promoted.run("CLUSTER FAILOVER")
        await eventually(
            lambda: _is(promoted.slots() and sum(bool(node.slots()) for node in cluster.nodes) == PRIMARIES)
        )


@pytest.mark.gen_test
async def test_keys_on_their_way_are_found_where_they_are(cluster: PrivateCluster) -> None:
    here, there, nowhere = "{moving}:here", "{moving}:there", "{moving}:nowhere"
    async with connected(cluster.url) as client:
        await asyncio.gather(client.set(here, "1"), client.set(there, "1"))
        slot, source, target = moved_away(cluster, here)
        begin_move(slot, source, target)
        move_keys(source, target, there)
        assert await asyncio.gather(*map(client.get, (here, there, nowhere))) == [b"1", b"1", None]
        await client.set(nowhere, "1")  # a new key is stored at the target
        assert target.client.execute_command("CLUSTER COUNTKEYSINSLOT", slot) == 2  # type: ignore[no-untyped-call]
        both = asyncio.ensure_future(client.run(COUNT, [here, there], []))  # TRYAGAIN, until they are together again
        await asyncio.sleep(0.05)
        assert not both.done()
        move_keys(source, target, here)
        end_move(slot, source, target)
        assert await both == 2
        assert await client.get(here) == b"2"


@pytest.mark.gen_test
async def test_nobody_waits_for_a_node_to_which_another_call_of_the_batch_is_sent_on(cluster: PrivateCluster) -> None:
    slot, source, target = moved_away(cluster, "{leaving}")
    staying = next(f"key{number}" for number in count() if cluster.primary(f"key{number}") is source)
    client = RedisClient.from_url(cluster.url, timeout=0.5, max_batch=256, metrics=Metrics())
    await client.set(staying, "1")
    begin_move(slot, source, target)
    with stopped(target):
        for _ in range(2):
            leaving = [client.get("{leaving}:key") for _ in range(2)]
            assert await client.get(staying) == b"1"
            assert not any(call.done() for call in leaving)
        for call in leaving:
            with pytest.raises(StoreUnavailable):
                await call
    end_move(slot, source, target)
    assert await client.get("{leaving}:key") is None
    await client.close()


@pytest.mark.gen_test
async def test_a_call_is_sent_to_and_fro_until_the_nodes_agree(cluster: PrivateCluster) -> None:
    slot, source, target = moved_away(cluster, "{disputed}")
    async with connected(cluster.url) as client:
        source.run("CLUSTER SETSLOT", slot, "NODE", target.id)
        call = client.get("{disputed}:key")
        await asyncio.sleep(1)
        assert not call.done()
        target.run("CLUSTER SETSLOT", slot, "NODE", target.id)
        target.run("CLUSTER BUMPEPOCH")  # the others believe it now
        assert await call is None


@pytest.mark.gen_test
async def test_scripts_that_are_equal_all_run(cluster: PrivateCluster) -> None:
    async with connected(cluster.url) as client:
        pair = ["{equal}:one", "{equal}:two"]
        assert sorted(await asyncio.gather(*(client.run(COUNT, pair, []) for _ in range(5)))) == [1, 2, 3, 4, 5]


@pytest.mark.gen_test
async def test_own_writes_are_read_through_the_other_process_300_times_of_300(
    api: Api, conf: Settings, cluster: PrivateCluster, mysql: Cursor
) -> None:
    own = on(cluster, conf)
    async with another_process(api, own) as first, another_process(api, own) as second:
        users = [await first.user() for _ in range(6)]
        for user in users:
            insert(mysql, user.userid, f"f-{user.userid}", "2026-01-01")

        async def write_and_read(number: int) -> None:
            user = users[number]
            for step in range(50):
                writer, reader = (first, second) if (step + number) % 2 else (second, first)
                await writer.call("/upload_user_info", {"nickname": f"n{step}"}, token=user.token)
                rows = await listed(reader, LISTS[step % 2], user.token)
                assert {row["nickname"] for row in rows if row["userid"] == user.userid} == {f"n{step}"}

        await asyncio.gather(*map(write_and_read, range(6)))


def on(cluster: PrivateCluster, conf: Settings) -> Settings:
    """The settings with this cluster, and without limits for those who try all the time."""
    limits = conf.limits.model_copy(update={"uploads_per_user": None})
    redis = conf.redis.model_copy(update={"url": SecretStr(cluster.url)})
    return conf.model_copy(update={"redis": redis, "limits": limits})


@contextmanager
def stopped(node: Node) -> Iterator[None]:
    """It hangs, and comes back in the end."""
    os.kill(node.process.pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(node.process.pid, signal.SIGCONT)


@contextmanager
def killed(node: Node) -> Iterator[None]:
    """It is gone."""
    node.process.kill()
    node.process.wait()
    yield


@pytest.mark.gen_test
@pytest.mark.parametrize("fault", [stopped, killed])  # in this order: a killed one leaves no replica
async def test_users_of_other_nodes_do_not_notice_that_the_node_of_the_versions_fails(
    api: Api,
    conf: Settings,
    cluster: PrivateCluster,
    fault: Callable[[Node], AbstractContextManager[None]],
) -> None:
    victim = cluster.primary(keys.VERSIONS)
    await eventually(lambda: _is(victim.client.info("replication")["connected_slaves"]))
    slots = victim.slots()
    own = on(cluster, conf)
    async with another_process(api, own) as first, another_process(api, own) as second:
        users = [await first.user() for _ in range(12)]
        hit = [user for user in users if key_slot(user.userid.encode()) in slots]
        spared = [user for user in users if user not in hit]
        assert hit
        assert spared
        # A replica has the logins: replication is asynchronous. WAIT waits for what its own connection has written.
        victim.client.set(f"{{{keys.VERSIONS}}}:written", "")
        assert victim.client.wait(1, 5000) == 1
        back = asyncio.Event()

        async def publish_and_read(user: User) -> None:
            for step in count():
                writer, reader = (first, second) if step % 2 else (second, first)
                file_id = f"{user.userid}-{step}"
                answer = await writer.call("/upload_ugc", {**VIDEO, "file_id": file_id}, token=user.token)
                assert answer == {"code": 200, "message": "OK"}
                rows = await listed(reader, "/get_ugc_list", user.token, count=200)
                assert file_id in {row["file_id"] for row in rows}
                if back.is_set():
                    return

        async def keep_session(user: User) -> None:
            async def is_served() -> bool:
                code = (await first.call("/get_user_info", token=user.token))["code"]
                assert code in (200, 503)
                return bool(code == 200)

            await eventually(is_served)

        with fault(victim):
            readers = [asyncio.create_task(publish_and_read(user)) for user in spared[:3]]
            await eventually(lambda: _is_down(first, [victim.name]))
            await asyncio.gather(*map(keep_session, hit))
            await eventually(lambda: _is_down(first, []))
            back.set()
            await asyncio.gather(*readers)


async def down(api: Api) -> list[str]:
    """The nodes that /readyz, which stays ready, says to be down."""
    answer = json.loads((await api.fetch("/readyz", method="GET")).body)
    assert answer["code"] == 200
    return list(answer["data"]["down"])


async def _is_down(api: Api, nodes: list[str]) -> bool:
    return await down(api) == nodes


@pytest.mark.gen_test
async def test_a_cluster_may_want_a_password_and_a_certificate(tmp_path: Path) -> None:
    authority = trustme.CA()
    issued = authority.issue_cert("127.0.0.1")
    ca, cert, key = (tmp_path / name for name in ("ca.pem", "cert.pem", "key.pem"))
    authority.cert_pem.write_to_path(ca)
    issued.cert_chain_pems[0].write_to_path(cert)
    issued.private_key_pem.write_to_path(key)
    options = [
        "--tls-cluster",
        "yes",
        "--tls-replication",
        "yes",
        "--requirepass",
        "se:cret",
        "--masterauth",
        "se:cret",
    ]
    options += ["--tls-ca-cert-file", str(ca), "--tls-cert-file", str(cert), "--tls-key-file", str(key)]
    connect = {"password": "se:cret", "ssl_ca_certs": str(ca), "ssl_certfile": str(cert), "ssl_keyfile": str(key)}
    identified = f"?ssl_ca={ca}&ssl_cert={cert}&ssl_key={key}"
    with private_redis_cluster(
        tmp_path / "nodes", replicas=False, options=options, scheme="rediss", connect=connect
    ) as cluster:
        node = cluster.primary("key")
        for url in (cluster.url, f"rediss://:se%3Acret@{node.name}/0"):
            async with connected(url + identified) as client:
                await client.set("key", url)
                assert await client.get("key") == url.encode()
            async with connected(url.replace("se%3Acret", "wrong") + identified) as forgetful:
                with pytest.raises(StoreError, match="invalid username-password pair") as raised:
                    await forgetful.get("key")
                assert type(raised.value) is StoreError  # no passing outage
            async with connected(url + f"?ssl_ca={ca}") as stranger:
                with pytest.raises(StoreError):
                    await stranger.get("key")
