"""A Galera cluster of private MariaDB servers: each node has all rows, and certifies the commits of all others.

It needs Debian's galera-4, rsync and lsof, and the script wsrep_sst_rsync of mariadb-server. The nodes listen on the
loopback address too, where nobody can log in until a user with a password is created.

    with galera(Path("var/cluster")) as nodes:
        nodes[0].kill()
        ...  # nodes[1].url
        nodes[0].start()
"""

import os
import signal
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import NamedTuple

import pymysql

from conf.settings import ROOT, mysql_arguments
from scripts.stores.ports import reserved_port
from scripts.stores.private_servers import START_TIMEOUT_S, UNPACKED, ServerError, find_program, private_mysql
from scripts.stores.processes import Pause

_PROVIDERS = (Path("/usr/lib/galera/libgalera_smm.so"), ROOT / "var/packages/usr/lib/galera/libgalera_smm.so")
_REPLICATION = (
    *("--wsrep-on=ON", "--wsrep-cluster-name=xiaozhibo", "--wsrep-node-address=127.0.0.1"),
    *("--binlog-format=ROW", "--innodb-autoinc-lock-mode=2"),
    *("--skip-networking=OFF", "--bind-address=127.0.0.1"),
)


class Ports(NamedTuple):
    """Where a node listens: to clients, to the other nodes, and for the transactions and the copy that it misses."""

    mysql: int
    group: int
    transactions: int
    copy: int


class Node:
    """A MariaDB of the cluster. Its process can be killed and started again."""

    def __init__(
        self, folder: Path, ports: Ports, options: Sequence[str], *, durable: bool = True, pause: Pause = time.sleep
    ) -> None:
        self.folder = folder
        self.ports = ports
        self.url = ""
        """By its socket, as root."""
        self._options = options
        self._durable = durable
        self._pause = pause
        self._running = ExitStack()

    @property
    def pid(self) -> int:
        """Its process."""
        return int((self.folder / "mysql/pid").read_text())

    def start(self, *, first: bool = False) -> None:
        """Start it, and return when it serves. The `first` one begins a cluster, the others join it."""
        options = [*self._options, *(["--wsrep-new-cluster"] if first else [])]
        server = private_mysql(self.folder, durable=self._durable, pause=self._pause, options=options)
        self.url = self._running.enter_context(server)
        deadline = time.monotonic() + START_TIMEOUT_S
        while not self.is_synced():
            if time.monotonic() > deadline:
                raise ServerError(f"A node did not join; its log is {self.folder / 'mysql/log'}.")
            self._pause(0.02)

    def is_synced(self) -> bool:
        """True when it has all transactions and serves: a node that joins accepts connections before."""
        with suppress(pymysql.err.MySQLError, OSError):
            return self._local_state() == "4"  # Synced
        return False

    def _local_state(self) -> str:
        arguments = {**mysql_arguments(self.url), "db": None, "ssl": None}
        with pymysql.connect(**arguments, ssl_disabled=True) as connection, connection.cursor() as cursor:
            cursor.execute("SHOW STATUS LIKE 'wsrep_local_state'")
            _, state = cursor.fetchone() or ("", "")
            return str(state)

    def stop(self) -> None:
        """Stop it, if it runs."""
        self._running.close()

    def kill(self) -> None:
        """End it at once."""
        os.kill(self.pid, signal.SIGKILL)
        self.stop()


@contextmanager
def galera(
    folder: Path,
    *,
    count: int = 3,
    durable: bool = True,
    pause: Pause = time.sleep,
    options: Sequence[str] = (),
    provider_options: str = "",
) -> Iterator[list[Node]]:
    """The nodes of a running cluster, at first with an empty database `xiaozhibo`.

    `options` are more of mariadbd's, and `provider_options` more of Galera's ("evs.keepalive_period=PT0.3S;…").
    """
    with ExitStack() as running:
        ports = [Ports(*(running.enter_context(reserved_port()) for _ in Ports._fields)) for _ in range(count)]
        address = "--wsrep-cluster-address=gcomm://" + ",".join(f"127.0.0.1:{each.group}" for each in ports)
        common = [f"--wsrep-provider={_provider()}", f"--wsrep-sst-method={_copy_method()}", *_REPLICATION]
        nodes = [
            Node(
                folder / f"node{number}",
                each,
                [*common, address, *_own_options(number, each, provider_options), *options],
                durable=durable,
                pause=pause,
            )
            for number, each in enumerate(ports)
        ]
        for number, node in enumerate(nodes):
            running.callback(node.stop)
            node.start(first=number == 0)
        yield nodes


def _copy_method() -> str:
    """The way in which a node that joins gets its copy of the data: rsync.

    Below root, rsync's daemon would write as `nobody`, who may not enter the folder. So root has a script of its own.
    """
    if os.geteuid() != 0:
        return "rsync"
    rsync = f'[ "$1" != --daemon ] || set -- "$@" --dparam=uid=0 --dparam=gid=0\nexec {find_program("rsync")} "$@"'
    _write_script(UNPACKED / "as_root/rsync", rsync)
    _write_script(UNPACKED / "wsrep_sst_rsync_as_root", f'PATH="{UNPACKED}/as_root:$PATH" exec wsrep_sst_rsync "$@"')
    return "rsync_as_root"


def _write_script(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)


def _provider() -> Path:
    found = next((path for path in _PROVIDERS if path.exists()), None)
    if found is None:
        raise ServerError("Galera is not installed; ./scripts/prepare cluster installs it.")
    return found


def _own_options(number: int, ports: Ports, provider_options: str) -> list[str]:
    provider = f"gmcast.listen_addr=tcp://127.0.0.1:{ports.group};ist.recv_addr=127.0.0.1:{ports.transactions}"
    return [
        f"--wsrep-node-name=node{number}",
        f"--port={ports.mysql}",
        f"--wsrep-sst-receive-address=127.0.0.1:{ports.copy}",
        f"--wsrep-provider-options={provider};{provider_options}",
    ]
