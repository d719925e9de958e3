"""Three servers, each on a node of its own of one Galera cluster, with a common Redis.

The cluster takes 16 seconds to start, so the default run leaves this folder out. `./scripts/prepare cluster` brings what
it needs.
"""

from collections.abc import Iterator
from contextlib import AsyncExitStack

import pytest
import redis
from pydantic import SecretStr
from tornado.httpclient import AsyncHTTPClient
from tornado.ioloop import IOLoop

from conf.settings import Settings
from models.migrate import migrate
from scripts.stores.galera import galera
from tests.harness.client import Api
from tests.harness.second_application import another_process
from tests.harness.stores import TABLES, connect_mysql


@pytest.fixture(scope="session")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[str]]:
    """The URLs of the nodes, with tables."""
    with galera(tmp_path_factory.mktemp("galera"), durable=False) as nodes:
        migrate(nodes[0])
        yield nodes


@pytest.fixture
def nodes(cluster: list[str]) -> list[str]:
    """The URLs of the nodes, with empty tables."""
    with connect_mysql(cluster[0], autocommit=True) as connection, connection.cursor() as cursor:
        for table in TABLES:
            cursor.execute(f"DELETE FROM {table}")
    return cluster


@pytest.fixture
def processes(io_loop: IOLoop, conf: Settings, nodes: list[str], store: redis.Redis) -> Iterator[list[Api]]:
    """Clients of the three servers."""
    client = AsyncHTTPClient(force_instance=True, max_clients=200)
    servers = AsyncExitStack()

    async def start() -> list[Api]:
        own = [
            conf.model_copy(update={"mysql": conf.mysql.model_copy(update={"url": SecretStr(node)})}) for node in nodes
        ]
        return [await servers.enter_async_context(another_process(Api(client, ""), each)) for each in own]

    try:
        yield io_loop.run_sync(start)
    finally:
        io_loop.run_sync(servers.aclose)
        client.close()


def wait_until_applied(nodes: list[str]) -> None:
    """Return when each node has applied what was committed through any of them before."""
    for node in nodes:
        with connect_mysql(node, init_command="SET wsrep_sync_wait = 1") as connection:
            connection.cursor().execute("SELECT 1 FROM tb_account LIMIT 1")
