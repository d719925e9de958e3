"""A Galera cluster of private MariaDB servers: each node has all rows, and certifies the commits of all others.

It needs Debian's galera-4, rsync and lsof, and the script wsrep_sst_rsync of mariadb-server. The nodes listen on the
loopback address too, where nobody can log in until a user with a password is created.

    with galera(Path("var/cluster")) as urls:
        ...  # urls[1]
"""

import os
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import NamedTuple

import pymysql

from conf.settings import ROOT, mysql_arguments
from scripts.stores.ports import reserved_port
from scripts.stores.private_servers import START_TIMEOUT_S, UNPACKED, ServerError, find_program, private_mysql
from scripts.stores.processes import Pause

NODES = 3
_PROVIDERS = (Path("/usr/lib/galera/libgalera_smm.so"), ROOT / "var/packages/usr/lib/galera/libgalera_smm.so")
_REPLICATION = (
    *("--wsrep-on=ON", "--wsrep-cluster-name=xiaozhibo", "--wsrep-node-address=127.0.0.1"),
    *("--binlog-format=ROW", "--innodb-autoinc-lock-mode=2"),
    *("--skip-networking=OFF", "--bind-address=127.0.0.1"),
)
_SYNCED = "4"


class Ports(NamedTuple):
    """Where a node listens: to clients, to the other nodes, and for the transactions and the copy that it misses."""

    mysql: int
    group: int
    transactions: int
    copy: int


@contextmanager
def galera(folder: Path, *, durable: bool = True, pause: Pause = time.sleep) -> Iterator[list[str]]:
    """A running cluster, at first with an empty database `xiaozhibo`: the URLs of its nodes, as root."""
    with ExitStack() as running:
        ports = [Ports(*(running.enter_context(reserved_port()) for _ in Ports._fields)) for _ in range(NODES)]
        address = "--wsrep-cluster-address=gcomm://" + ",".join(f"127.0.0.1:{each.group}" for each in ports)
        common = [f"--wsrep-provider={_provider()}", *copy_method(), *_REPLICATION, address]
        urls: list[str] = []
        for number, each in enumerate(ports):
            options = [*common, *_own_options(number, each), *([] if urls else ["--wsrep-new-cluster"])]
            server = private_mysql(folder / f"node{number}", durable=durable, pause=pause, options=options)
            urls.append(running.enter_context(server))
            _wait_until_synced(urls[-1], pause)
        yield urls


def copy_method() -> list[str]:
    """The option for the way in which a node that joins gets its copy of the data: rsync.

    Below root, rsync's daemon would write as `nobody`, who may not enter the folder. So root has a script of its own.
    MariaDB calls it with a PATH of its own.
    """
    if os.geteuid() != 0:
        return ["--wsrep-sst-method=rsync"]
    rsync = f'[ "$1" != --daemon ] || set -- "$@" --dparam=uid=0 --dparam=gid=0\nexec {find_program("rsync")} "$@"'
    _write_script(UNPACKED / "as_root/rsync", rsync)
    _write_script(UNPACKED / "wsrep_sst_rsync_as_root", f'PATH="{UNPACKED}/as_root:$PATH" exec wsrep_sst_rsync "$@"')
    return ["--wsrep-sst-method=rsync_as_root"]


def _write_script(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)


def _provider() -> Path:
    found = next((path for path in _PROVIDERS if path.exists()), None)
    if found is None:
        raise ServerError("Galera is not installed; ./scripts/prepare cluster installs it.")
    return found


def _own_options(number: int, ports: Ports) -> list[str]:
    provider = f"gmcast.listen_addr=tcp://127.0.0.1:{ports.group};ist.recv_addr=127.0.0.1:{ports.transactions}"
    return [
        f"--wsrep-node-name=node{number}",
        f"--port={ports.mysql}",
        f"--wsrep-sst-receive-address=127.0.0.1:{ports.copy}",
        f"--wsrep-provider-options={provider}",
    ]


def _wait_until_synced(url: str, pause: Pause) -> None:
    """Return when a node has all transactions and serves: one that joins accepts connections before."""
    deadline = time.monotonic() + START_TIMEOUT_S
    while not _is_synced(url):
        if time.monotonic() > deadline:
            raise ServerError(f"A node did not join: {url}")
        pause(0.02)


def _is_synced(url: str) -> bool:
    arguments = {**mysql_arguments(url), "db": None, "ssl": None}
    with (
        suppress(pymysql.err.MySQLError, OSError),
        pymysql.connect(**arguments, ssl_disabled=True) as connection,
        connection.cursor() as cursor,
    ):
        cursor.execute("SHOW STATUS LIKE 'wsrep_local_state'")
        _, state = cursor.fetchone() or ("", "")
        return str(state) == _SYNCED
    return False
