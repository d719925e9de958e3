"""Three MariaDB servers with the shipped conf/galera.cnf: a commit is on all of them."""

import shutil
import socket
from collections.abc import Sequence
from pathlib import Path

import pymysql

from scripts.clustering.networks import Machine
from scripts.clustering.programs import Program
from scripts.stores.galera import copy_method
from scripts.stores.private_servers import DATABASE, Files, as_current_user, create_system_tables, find_program
from scripts.stores.processes import Pause
from scripts.stores.supervised import adapted

PORT = 3306
CHECKER = "haproxy"
"""The user of HAProxy's check."""
_NEW = "--wsrep-new-cluster"
_SMALL = ("--innodb-buffer-pool-size=64M", "--innodb-log-file-size=32M")
# The user of the server has the rights that docs/OPERATIONS.md gives it, that of an operator all of them.
_USERS = f"""
FLUSH PRIVILEGES;
CREATE DATABASE {DATABASE} CHARACTER SET utf8mb4;
CREATE USER {CHECKER}@'%';
CREATE USER server@'%' IDENTIFIED BY '{{password}}';
GRANT SELECT, INSERT, UPDATE, DELETE ON {DATABASE}.* TO server@'%';
CREATE USER operator@'%' IDENTIFIED BY '{{password}}';
GRANT ALL ON *.* TO operator@'%';
ALTER USER root@localhost IDENTIFIED BY '{{password}}';
"""


class MariaDb(Program):
    """A node."""

    def __init__(self, name: str, machine: Machine, others: Sequence[str], folder: Path, password: str, pause: Pause):
        self.folder = folder
        self.socket = folder / "socket"
        self._password = password
        super().__init__(name, machine, _command(folder, machine.address, others), folder / "log", self.is_ready, pause)

    def is_ready(self) -> bool:
        """True when it takes statements."""
        return self.status("wsrep_ready") == "ON"

    def is_whole(self, nodes: int) -> bool:
        """True when it is one of so many nodes and has caught up with them."""
        return self.status("wsrep_cluster_size") == str(nodes) and self.status("wsrep_local_state_comment") == "Synced"

    def catch_up(self) -> None:
        """Return when it has what the others had committed before."""
        with self.connection() as connection, connection.cursor() as cursor:
            cursor.execute("SET SESSION wsrep_sync_wait = 1")
            cursor.execute("SELECT 1")

    def status(self, name: str) -> str:
        """A variable of its status, "" while it does not answer."""
        try:
            with self.connection() as connection, connection.cursor() as cursor:
                cursor.execute("SHOW STATUS LIKE %s", (name,))
                return str((cursor.fetchone() or ("", ""))[1])
        except (pymysql.MySQLError, OSError):
            return ""

    def connection(self) -> "pymysql.Connection[pymysql.cursors.Cursor]":
        """A connection with all rights, through its socket: it reaches a node that is cut off, too."""
        connection = pymysql.connect(
            user="root",
            password=self._password,
            database=DATABASE,
            autocommit=True,
            read_timeout=5,
            defer_connect=True,
        )
        path = socket.socket(socket.AF_UNIX)
        try:
            path.settimeout(2)
            path.connect(str(self.socket))
        except OSError:
            path.close()  # PyMySQL would leave it open
            raise
        connection.connect(path)
        return connection


def start(nodes: Sequence[MariaDb], password: str, pause: Pause) -> None:
    """Make the data of all nodes, and start them.

    The first one alone begins the cluster. The others get its data while it is stopped, so that they have nothing but a
    few transactions to fetch: a copy by rsync takes seconds for each.
    """
    first, *others = nodes
    program = [find_program("mariadbd"), "--no-defaults", *as_current_user(), *_SMALL]
    create_system_tables(Files(first.folder, first.socket), program, pause, _USERS.format(password=password))
    first.start(_NEW)
    first.stop()
    for node in others:
        shutil.copytree(first.folder / "data", node.folder / "data", ignore=shutil.ignore_patterns("galera.cache"))
    first.start(_NEW)
    for node in others:
        node.begin()
    for node in others:
        node.wait()


def _command(folder: Path, address: str, others: Sequence[str]) -> list[str | Path]:
    """The command of a node, whose folder this makes."""
    (folder / "tmp").mkdir(parents=True)
    text = adapted(
        "galera.cnf",
        {
            "bind_address = 10.0.0.21": f"bind_address = {address}",
            "wsrep_node_name = db1": f"wsrep_node_name = {folder.name}",
            "wsrep_node_address = 10.0.0.21": f"wsrep_node_address = {address}",
            "tcp://10.0.0.21:": f"tcp://{address}:",
            "gcomm://10.0.0.21,10.0.0.22,10.0.0.23": f"gcomm://{','.join(others)}",
        },
    )
    (folder / "galera.cnf").write_text(text)
    paths = [f"--datadir={folder / 'data'}", f"--socket={folder / 'socket'}", f"--tmpdir={folder / 'tmp'}"]
    program = [find_program("mariadbd"), f"--defaults-file={folder / 'galera.cnf'}", *as_current_user()]
    return [*program, *paths, *_SMALL, *copy_method()]
