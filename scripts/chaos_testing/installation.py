"""A server of two workers on durable private stores. Each part can be killed, frozen and started again."""

import os
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import pymysql
from pymysql.constants import CR
from pymysql.cursors import Cursor
from redis import Redis

from conf.settings import ROOT, mysql_arguments
from models.migrate import migrate
from scripts.benchmark.servers import HIGH_LIMITS, children, status, wait_until_ready
from scripts.stores.ports import reserved_port
from scripts.stores.private_servers import private_mysql, private_redis
from scripts.stores.processes import Child, Pause, child, without_settings
from scripts.stores.restartable import Store
from scripts.stores.supervised import supervised

WORKERS = 2
CALLBACK_KEY = "chaos"
SMALL_DISK_MIB = 400
HEARTBEAT = ("--http.heartbeat_timeout", "3")  # production's; development, where a debugger may stop a worker, has none
_STARTED_WITHIN_S = 60
_POLL_S = 0.05
_USER = "server"  # without SUPER, which read_only does not hold back
_RIGHTS = "SELECT, INSERT, UPDATE, DELETE"


@dataclass
class Installation:
    """A running server, its stores, and connections of an operator to them."""

    folder: Path
    pause: Pause
    mysql: Store
    redis: Store
    port: int = 0
    process: Child | None = None
    supervised: bool = False
    """True when the workers run below supervisor, by the shipped file."""
    broken: list[str] = field(default_factory=list)
    """Promises that a fault has seen broken, in words."""
    notes: list[str] = field(default_factory=list)
    """What else a reader wants to know."""
    _server: ExitStack = field(default_factory=ExitStack)
    _leftovers: ExitStack = field(default_factory=ExitStack)

    @property
    def workers(self) -> list[int]:
        """The processes of its workers."""
        assert self.process is not None
        return children(self.process.pid)

    @property
    def log(self) -> Path:
        """The log of the server, or of supervisor."""
        return self.folder / ("supervisord.log" if self.supervised else "server.log")

    def start(self, options: Sequence[str] = (), *, wait: bool = True) -> None:
        """Start the server, and return when it is ready, or at once."""
        self.port = self._server.enter_context(reserved_port())
        mysql = self.mysql.url.replace("root@", f"{_USER}@")
        settings = ["--log.format", "json", "--log.access", "false", "--password.remember_key", os.urandom(32).hex()]
        settings += ["--live.callback_key", CALLBACK_KEY, "--metrics.port", "0", *HEARTBEAT]
        settings += ["--mysql.url", mysql, "--redis.url", self.redis.url, *HIGH_LIMITS, *options]
        run = self._below_supervisor if self.supervised else self._alone
        self.process = self._server.enter_context(run(settings))
        if wait:
            wait_until_ready(self.process, self.port, self.log, self.pause)

    def _below_supervisor(self, settings: Sequence[str]) -> AbstractContextManager[Child]:
        return supervised(self.folder, self.port, settings)

    @contextmanager
    def _alone(self, settings: Sequence[str]) -> Iterator[Child]:
        listening = ["--http.port", str(self.port), "--http.tls_port", "0", "--http.processes", str(WORKERS)]
        command = [sys.executable, str(ROOT / "main.py"), *listening, *settings]
        with self.log.open("ab") as output, child(command, env=without_settings(), output=output) as process:
            yield process

    def stop(self) -> None:
        """Stop the server, if it runs."""
        self._server.close()
        self._leftovers.close()

    def at_the_end(self, leftover: ExitStack) -> None:
        """Close something that outlasts its fault when the server stops."""
        self._leftovers.push(leftover)

    def is_ready(self) -> bool:
        """True when /readyz says so."""
        return status(self.port, "/readyz") == 200

    def connection(self, user: str) -> "pymysql.Connection[Cursor]":
        """A connection to MariaDB, without the 30 ms that preparing for TLS takes."""
        arguments = {name: value for name, value in mysql_arguments(self.mysql.url).items() if name != "ssl"}
        return pymysql.connect(**{**arguments, "user": user}, autocommit=True, ssl_disabled=True)

    @contextmanager
    def sql(self) -> Iterator[Cursor]:
        """A cursor with all rights. It waits for a MariaDB that has aborted and starts again."""
        deadline = time.monotonic() + _STARTED_WITHIN_S
        while True:
            try:
                connection = self.connection("root")
                break
            except pymysql.err.OperationalError as error:
                if error.args[0] < CR.CR_ERROR_FIRST or time.monotonic() > deadline:  # it answers, and refuses
                    raise
                self.pause(_POLL_S)
        with connection:
            yield connection.cursor()

    def commands(self) -> Redis:
        """A client of Redis."""
        return Redis.from_url(self.redis.url)


@contextmanager
def installation(
    folder: Path,
    pause: Pause,
    options: Sequence[str] = (),
    *,
    below_supervisor: bool = False,
    small_disk: bool = False,
) -> Iterator[Installation]:
    """An installation with empty tables; everything ends with the block."""
    disk_mib = SMALL_DISK_MIB if small_disk else None
    mysql = Store(folder / "mysql", partial(private_mysql, pause=pause, disk_mib=disk_mib))
    redis = Store(folder / "redis", partial(private_redis, pause=pause))
    whole = Installation(folder, pause, mysql, redis, supervised=below_supervisor)
    with ExitStack() as running:
        running.callback(redis.stop)
        running.callback(mysql.stop)
        running.callback(whole.stop)
        redis.start()
        mysql.start()
        migrate(mysql.url)
        with whole.sql() as cursor:
            cursor.execute(f"CREATE USER IF NOT EXISTS {_USER}@localhost")
            cursor.execute(f"GRANT {_RIGHTS} ON xiaozhibo.* TO {_USER}@localhost")
        whole.start(options)
        yield whole


def files(whole: Installation) -> int:
    """The open descriptors of all workers."""
    return sum(len([*Path(f"/proc/{pid}/fd").iterdir()]) for pid in whole.workers)
