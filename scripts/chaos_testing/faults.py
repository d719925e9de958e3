"""Faults of the stores and of the workers, under the load of the clients."""

import os
import shutil
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pymysql

from scripts.chaos_testing.clients import INVALID_TOKEN, VISITS, WRITES, Visits
from scripts.chaos_testing.installation import WORKERS, Installation
from scripts.chaos_testing.judgement import Promise

_WRITES = frozenset({"/upload_user_info", "/upload_ugc", "/upload_room"})
_POLL_S = 0.02
_REPLACED_WITHIN_S = 20
_MAX_DISK = 2**30
_BLOCK = 4096


ANY = Promise()


@dataclass(frozen=True)
class Fault:
    """Something that breaks for a while."""

    name: str
    title: str
    occur: Callable[[Installation], AbstractContextManager[None]]
    promise: Promise = ANY
    seconds: float = 5
    visits: Visits = VISITS
    """The requests of the clients beside it."""
    churn: float = 0
    """The share of requests after which a client closes its connection."""
    supervised: bool = False
    """True when it happens to workers below supervisor."""
    small_disk: bool = False
    """True when MariaDB needs a small disk of its own."""


@contextmanager
def _mysql_killed(whole: Installation) -> Iterator[None]:
    with whole.mysql.killed():
        yield


@contextmanager
def _mysql_stopped(whole: Installation) -> Iterator[None]:
    with whole.mysql.frozen():
        yield


@contextmanager
def _mysql_silent(whole: Installation) -> Iterator[None]:
    """Connections break, and new ones are accepted and never greeted, as by a host that is half dead.

    Those that were silent stay so after the fault: only the closing end frees them.
    """
    (path,) = parse_qs(urlsplit(whole.mysql.url).query)["unix_socket"]
    real = f"{path}.real"
    with socket.socket(socket.AF_UNIX) as listener, ExitStack() as silent:
        with whole.sql() as cursor:
            Path(path).rename(real)
            listener.bind(path)
            listener.listen(512)
            stop = threading.Event()
            accepting = threading.Thread(target=_accept, args=(listener, silent, stop))
            accepting.start()
            _end_connections(cursor)
        try:
            yield
        finally:
            stop.set()
            accepting.join()
            Path(real).rename(path)
            whole.at_the_end(silent.pop_all())


def _accept(listener: socket.socket, silent: ExitStack, stop: threading.Event) -> None:
    listener.settimeout(_POLL_S)
    while not stop.is_set():
        try:
            silent.enter_context(listener.accept()[0])
        except TimeoutError:
            continue


def _end_connections(cursor: "pymysql.cursors.Cursor") -> None:
    """End all connections of the server."""
    cursor.execute("SELECT id FROM information_schema.processlist WHERE user = 'server'")
    for (number,) in cursor.fetchall():
        try:
            cursor.execute("KILL %s", (number,))
        except pymysql.err.OperationalError:
            continue  # it has ended by itself


@contextmanager
def _table_locked(whole: Installation) -> Iterator[None]:
    with whole.sql() as cursor:
        cursor.execute("LOCK TABLES tb_ugc WRITE")
        yield
        cursor.execute("UNLOCK TABLES")


@contextmanager
def _connections_taken(whole: Installation) -> Iterator[None]:
    """Others take all that the server has not opened yet."""
    with whole.sql() as cursor, ExitStack() as taken:
        cursor.execute("SELECT @@max_connections")
        (before,) = cursor.fetchall()
        cursor.execute("SET GLOBAL max_connections = 40")
        try:
            while True:
                taken.enter_context(whole.connection("server"))
        except pymysql.err.OperationalError:
            pass  # too many connections
        yield
        cursor.execute("SET GLOBAL max_connections = %s", before)


@contextmanager
def _mysql_read_only(whole: Installation) -> Iterator[None]:
    with whole.sql() as cursor:
        cursor.execute("SET GLOBAL read_only = 1")
        yield
        cursor.execute("SET GLOBAL read_only = 0")


@contextmanager
def _disk_full(whole: Installation) -> Iterator[None]:
    """Somebody else's file takes all that is left of MariaDB's disk."""
    data = Path(f"/proc/{whole.mysql.pid}/root{whole.mysql.folder.resolve()}/data")  # as MariaDB sees it
    size = shutil.disk_usage(data).total
    if size > _MAX_DISK:
        raise RuntimeError(
            f"MariaDB's disk has {size:,} bytes: it is not the small one of this fault, and stays as it is"
        )
    filler = data / "filler"
    with filler.open("wb", buffering=0) as file, suppress(OSError):
        while True:
            file.write(bytes(_BLOCK))
    yield
    filler.unlink()
    with whole.sql():
        pass  # it may have aborted


@contextmanager
def _redis_killed(whole: Installation) -> Iterator[None]:
    """It comes back empty."""
    whole.redis.kill()
    shutil.rmtree(whole.redis.folder / "data")
    yield
    whole.redis.start()


@contextmanager
def _redis_stopped(whole: Installation) -> Iterator[None]:
    with whole.redis.frozen():
        yield


@contextmanager
def _redis_full(whole: Installation) -> Iterator[None]:
    with whole.commands() as redis:
        redis.config_set("maxmemory", 1)
        yield
        redis.config_set("maxmemory", 0)


@contextmanager
def _redis_cannot_save(whole: Installation) -> Iterator[None]:
    """It refuses writes, because it could not write its snapshot (MISCONF): a folder has the name of the file."""
    in_the_way = whole.redis.folder / "data" / "dump.rdb"
    (in_the_way / "full").mkdir(parents=True)
    with whole.commands() as redis:
        redis.config_set("save", "3600 1000000")
        redis.bgsave()
        while redis.info("persistence")["rdb_last_bgsave_status"] == "ok":
            time.sleep(_POLL_S)
        yield
        redis.config_set("save", "")
    shutil.rmtree(in_the_way)


@contextmanager
def _worker_killed(whole: Installation) -> Iterator[None]:
    with _replaced(whole) as worker:
        os.kill(worker, signal.SIGKILL)
        yield


@contextmanager
def _worker_hung(whole: Installation) -> Iterator[None]:
    with _replaced(whole) as worker:
        os.kill(worker, signal.SIGSTOP)
        yield


@contextmanager
def _replaced(whole: Installation) -> Iterator[int]:
    """A worker, which has to be gone and replaced soon after the block."""
    worker = whole.workers[0]
    yield worker
    deadline = time.monotonic() + _REPLACED_WITHIN_S
    while worker in (workers := whole.workers) or len(workers) < WORKERS:
        if time.monotonic() > deadline:
            os.kill(worker, signal.SIGCONT)
            raise RuntimeError(f"nobody replaced the worker within {_REPLACED_WITHIN_S} s")
        time.sleep(_POLL_S)


# A session that a login or a refresh opened although its answer was lost ends the one that the client knows, too.
_LOST_SESSIONS = Promise(codes=frozenset({INVALID_TOKEN}))
_HASHED_LOGINS = Promise(codes=frozenset({INVALID_TOKEN}), logins_wait=True)
_ONLY_WRITES = Promise(refuses=_WRITES)
_ONLY_UGC = Promise(refuses=frozenset({"/upload_ugc", "/get_ugc_list"}))
_IN_FLIGHT = Promise(refuses=frozenset(), codes=frozenset({INVALID_TOKEN}), connections_break=True)

FAULTS = (
    Fault("mysql-killed", "MariaDB is killed", _mysql_killed),
    Fault("mysql-stopped", "MariaDB hangs for 5 s", _mysql_stopped),
    Fault("mysql-stopped-long", "MariaDB hangs for 15 s", _mysql_stopped, seconds=15),
    Fault("mysql-silent", "MariaDB accepts connections and stays silent", _mysql_silent),
    Fault("mysql-locked", "a table is locked", _table_locked, _ONLY_UGC),
    Fault("mysql-connections", "others take all connections of MariaDB", _connections_taken),
    Fault("mysql-read-only", "MariaDB is read-only", _mysql_read_only, _ONLY_WRITES),
    Fault("mysql-disk-full", "MariaDB's disk is full", _disk_full, ANY, 15, WRITES, small_disk=True),
    Fault("redis-killed", "Redis is killed and comes back empty", _redis_killed, _HASHED_LOGINS),
    Fault("redis-stopped", "Redis hangs for 5 s", _redis_stopped, _LOST_SESSIONS),
    Fault("redis-full", "Redis is out of memory", _redis_full),
    Fault("redis-cannot-save", "Redis cannot write its snapshot (MISCONF)", _redis_cannot_save),
    Fault("worker-killed", "a worker is killed", _worker_killed, _IN_FLIGHT),
    Fault("worker-hung", "a worker hangs", _worker_hung, _IN_FLIGHT),
)
