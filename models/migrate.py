"""Runs the versioned schema changes of `migrations/`, which are plain SQL, with yoyo.

Add `NNNN.what-it-does.sql`; never edit one that has run.
"""

import time
from collections.abc import Iterator
from contextlib import closing, contextmanager, nullcontext
from pathlib import Path

import pymysql
from pymysql.constants import ER
from pymysql.cursors import Cursor
from yoyo import read_migrations
from yoyo.backends import MySQLBackend
from yoyo.connections import parse_uri
from yoyo.migrations import default_migration_table

LOCK = "SHA1(CONCAT(DATABASE(), ' migrations'))"  # MySQL takes names of up to 64 characters
MIGRATIONS = Path(__file__).parent / "migrations"
_LOCK_SECONDS = 10


class MigrationLocked(Exception):
    """Another process is migrating this database."""


def migrate(url: str) -> list[str]:
    """Apply what is not applied yet and return the names. Blocks: call it in a thread.

    Safe to run from several processes at once, also through several nodes of a Galera cluster. Raises MigrationLocked
    when one of them takes too long, and yoyo's or PyMySQL's error when it cannot.
    """
    migrations = read_migrations(str(MIGRATIONS))
    # Without the two, PyMySQL would trust any certificate.
    verified = "&ssl_verify_cert=true&ssl_verify_identity=true" if "ssl_ca=" in url else ""
    # Not yoyo's get_backend, which makes tables before anything is locked.
    with (
        MySQLBackend(parse_uri(url + verified), default_migration_table) as backend,
        closing(backend.connect(backend.uri)) as connection,
        connection.cursor() as cursor,
    ):
        connection.autocommit(True)
        node = _galera_node(cursor)
        with _locked(cursor), _locked_cluster(cursor, node) if node else nullcontext():
            if node:  # that of `backend` may be another one, and late
                backend.execute("SET SESSION wsrep_sync_wait = 1")
            backend.init_database()
            pending = backend.to_apply(migrations)
            backend.apply_migrations(pending)
            return [migration.id for migration in pending]


@contextmanager
def _locked(cursor: Cursor) -> Iterator[None]:
    """No other process migrates the database of this connection for the duration of the block.

    Not yoyo's own lock, a row that a killed process leaves behind: this one ends with the connection.
    """
    cursor.execute(f"SELECT GET_LOCK({LOCK}, %s)", (_LOCK_SECONDS,))
    if cursor.fetchone() != (1,):
        raise MigrationLocked("another process is migrating this database")
    try:
        yield
    finally:
        cursor.execute(f"DO RELEASE_LOCK({LOCK})")  # closing would free it, too, but a moment later


def _galera_node(cursor: Cursor) -> str:
    """The name and the id of this node of a Galera cluster, "" elsewhere. A node that starts again has a new id."""
    cursor.execute("SHOW STATUS LIKE 'wsrep_gcomm_uuid'")
    _, uuid = cursor.fetchone() or ("", "")
    if not uuid:
        return ""
    cursor.execute("SELECT @@wsrep_node_name")
    (name,) = cursor.fetchone() or ("",)
    return f"{name} {uuid}"


@contextmanager
def _locked_cluster(cursor: Cursor, node: str) -> Iterator[None]:
    """No other node migrates for the duration of the block.

    GET_LOCK holds on one node only. So the node that holds it writes its name into a row: of two nodes that do that at
    once one fails. A name that a killed process has left behind counts for the other nodes, but not for its own, where
    GET_LOCK tells that nobody uses it.
    """
    cursor.execute(
        "CREATE TABLE IF NOT EXISTS _migration_lock (id INT NOT NULL PRIMARY KEY, node VARCHAR(500) NOT NULL)"
    )
    deadline = time.monotonic() + _LOCK_SECONDS
    while (holder := _claim(cursor, node)) != node:
        if time.monotonic() > deadline:
            raise MigrationLocked(
                f"another process is migrating this database through node {holder}, or was killed there. Migrate "
                "through that node, or empty the table _migration_lock when nobody migrates"
            )
        time.sleep(0.1)
    try:
        yield
    finally:
        cursor.execute("DELETE FROM _migration_lock")


def _claim(cursor: Cursor, node: str) -> str:
    """Put the name of this node into the row if there is none. Returns whose name is there."""
    try:
        cursor.execute("INSERT IGNORE INTO _migration_lock VALUES (1, %s)", (node,))
    except pymysql.err.OperationalError as error:
        if error.args[0] != ER.LOCK_DEADLOCK:  # another node was faster
            raise
    cursor.execute("SELECT node FROM _migration_lock")
    (holder,) = cursor.fetchone() or ("",)
    return str(holder)
