"""A whole cluster: three groups of apps behind HAProxy, three MariaDB servers with Galera, a Redis Cluster of six."""

import secrets
import signal
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import partial
from http import HTTPStatus
from pathlib import Path

import pymysql
from pymysql.cursors import Cursor
from redis.crc import key_slot

from conf.settings import ROOT, mysql_arguments
from models.migrate import migrate
from scripts.benchmark.servers import status
from scripts.chaos_testing.installation import HEARTBEAT
from scripts.clustering import galera, redis_cluster
from scripts.clustering.galera import MariaDb
from scripts.clustering.haproxy import MYSQL_PORT, HaProxy
from scripts.clustering.networks import Machine, Network
from scripts.clustering.programs import START_TIMEOUT_S, Program
from scripts.clustering.redis_cluster import RedisNode
from scripts.stores.private_cluster import slots_of
from scripts.stores.private_servers import DATABASE, ServerError
from scripts.stores.processes import Pause, wait_for_end

APP_PORT = 8000
_PROXY, _APPS, _DATABASES, _REDIS = 10, (11, 12, 13), (21, 22, 23), (31, 32, 33, 34, 35, 36)
_SPARE = 37
_APP = ("--http.tls_port", "0", "--http.processes", "1", "--http.lame_duck", "2", *HEARTBEAT)


@dataclass
class Cluster:
    """Everything that runs, and an operator's connections to it."""

    network: Network
    folder: Path
    pause: Pause
    password: str
    port: int
    tls_port: int
    haproxy: HaProxy
    databases: list[MariaDb]
    redis: list[RedisNode]
    apps: list[Program] = field(default_factory=list)
    broken: list[str] = field(default_factory=list)
    """Promises that a fault has seen broken, in words."""
    notes: list[str] = field(default_factory=list)
    """What else a reader wants to know."""
    running: ExitStack = field(default_factory=ExitStack)
    _slots: dict[str, frozenset[int]] = field(default_factory=dict)

    @property
    def redis_url(self) -> str:
        """The setting of the apps."""
        return f"redis+cluster://:{self.password}@{','.join(node.address for node in self.redis[:3])}"

    def mysql_url(self, user: str, address: str = "") -> str:
        """The URL of HAProxy's MySQL, or of one at an address."""
        host = address or self.haproxy.machine.address
        return f"mysql://{user}:{self.password}@{host}:{MYSQL_PORT}/{DATABASE}"

    @contextmanager
    def sql(self) -> Iterator[Cursor]:
        """A cursor with all rights on the node that takes the writes."""
        arguments = {
            name: value for name, value in mysql_arguments(self.mysql_url("operator")).items() if name != "ssl"
        }
        with pymysql.connect(**arguments, autocommit=True, ssl_disabled=True) as connection:
            yield connection.cursor()

    def is_whole(self) -> bool:
        """True when nothing is missing, and everything has caught up."""
        return (
            self.haproxy.is_whole()
            and all(node.is_whole(len(self.databases)) for node in self.databases)
            and all(node.is_whole() for node in self.redis)
        )

    def wait_until_whole(self) -> None:
        """Return when nothing is missing. Raises ServerError when it does not come to that."""
        wait_until(self.is_whole, self.pause, "the cluster does not become whole")

    def primary(self, key: str) -> RedisNode:
        """The node that owns a key."""
        slot = key_slot(key.encode())
        return next(node for node in self.redis if slot in self._slots[node.address])

    def replica(self, primary: RedisNode) -> RedisNode:
        """The replica of a primary."""
        members = primary.members()
        return next(node for node in self.redis if members[node.address]["master_id"] == primary.id)

    def look_at_redis(self) -> None:
        """Learn which node has which slots."""
        members = self.redis[0].members()
        self._slots = {address: slots_of(member) for address, member in members.items()}

    def ask_to_stop(self) -> None:
        """Let everything begin to stop, so that nothing waits for another."""
        for program in (*self.apps, *self.databases, *self.redis):
            program.ask_to_stop()

    def add_redis(self) -> RedisNode:
        """A seventh Redis, which runs and belongs to nobody yet."""
        node = _redis_node(self.network, _SPARE, self.folder, self.password, self.pause)
        self.running.callback(node.stop)
        node.start()
        return node


@contextmanager
def cluster(
    network: Network,
    folder: Path,
    ports: tuple[int, int],
    pause: Pause,
    options: Sequence[str] = (),
    *,
    spread: bool = False,
) -> Iterator[Cluster]:
    """A cluster with empty tables that is whole; everything ends with the block.

    HAProxy listens on both `ports`, the second with TLS. `options` are those of the apps. With `spread` each app group
    writes to a MariaDB of its own, past HAProxy.
    """
    password = secrets.token_hex(16)
    machines = [network.machine(number) for number in _DATABASES]
    addresses = [machine.address for machine in machines]
    whole = Cluster(
        network,
        folder,
        pause,
        password,
        *ports,
        HaProxy(network.machine(_PROXY), folder / "haproxy", *ports, pause),
        [
            MariaDb(f"MariaDB db{number}", machine, addresses, folder / f"db{number}", password, pause)
            for number, machine in enumerate(machines, 1)
        ],
        [_redis_node(network, number, folder, password, pause) for number in _REDIS],
    )
    with whole.running:
        for program in (*whole.redis, *whole.databases, whole.haproxy):
            whole.running.callback(program.stop)
        redis_cluster.start(whole.redis)
        with redis_cluster.creation(whole.redis) as creation:
            galera.start(whole.databases, password, pause)
            if wait_for_end(creation, pause):
                raise ServerError(f"Redis did not become a cluster: {(whole.redis[0].folder / 'redis-cli.log')}")
        whole.haproxy.start()
        wait_until(lambda: whole.haproxy.states().get("db1") == "UP", pause, "HAProxy finds no MariaDB")
        migrate(whole.mysql_url("operator"))
        whole.apps = [_app(whole, number, options, spread=spread) for number in range(len(_APPS))]
        for app in whole.apps:
            whole.running.callback(app.stop)
            app.begin()
        for app in whole.apps:
            app.wait()
        whole.running.callback(whole.ask_to_stop)
        whole.wait_until_whole()
        whole.look_at_redis()
        yield whole


def wait_until(condition: Callable[[], bool], pause: Pause, complaint: str) -> None:
    """Return when a condition holds. Raises ServerError with the complaint when it never does."""
    for _ in range(int(START_TIMEOUT_S / 0.1)):
        if condition():
            return
        pause(0.1)
    raise ServerError(f"{complaint} within {START_TIMEOUT_S} s")


def _redis_node(network: Network, number: int, folder: Path, password: str, pause: Pause) -> RedisNode:
    name = f"redis{number - _REDIS[0] + 1}"
    return RedisNode(name, network.machine(number), folder / name, password, pause)


def _app(whole: Cluster, number: int, options: Sequence[str], *, spread: bool) -> Program:
    machine, name = whole.network.machine(_APPS[number]), f"app{number + 1}"
    folder = whole.folder / name
    folder.mkdir()
    settings = ["--http.address", machine.address, "--http.port", str(APP_PORT), *_APP, "--log.format", "json"]
    settings += ["--http.trusted_proxies", f"127.0.0.1,{whole.network.addresses}0/24"]
    settings += ["--metrics.address", machine.address, "--metrics.directory", str(folder / "metrics")]
    command: list[str | Path] = [sys.executable, ROOT / "main.py", *settings, *options]
    env = {  # a command line is readable by everybody
        "XZB_MYSQL__URL": whole.mysql_url("server", whole.databases[number].machine.address if spread else ""),
        "XZB_REDIS__URL": whole.redis_url,
        "XZB_PASSWORD__REMEMBER_KEY": whole.password,
    }
    is_up = partial(_is_ready, machine)
    return Program(name, machine, command, folder / "log", is_up, whole.pause, signal.SIGTERM, env=env)


def _is_ready(machine: Machine) -> bool:
    return status(APP_PORT, "/readyz", machine.address) == HTTPStatus.OK
