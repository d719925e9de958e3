"""A MariaDB and a Redis of our own: data in one folder, reachable through unix sockets only.

Nobody else can reach them: the folder has mode 0700 and there is no TCP port. They run as the current user,
read no system configuration and end with us, even when we are killed.

    with private_servers(Path("var/server")) as urls:
        ...  # urls.mysql, urls.redis
"""

import fcntl
import hashlib
import os
import shutil
import socket
import stat
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from signal import SIGKILL
from typing import IO
from urllib.parse import quote

from conf.settings import ROOT
from scripts.stores.processes import Child, Pause, child, has_ended, stop_stranger, wait_for_end

DATABASE = "xiaozhibo"
SHARE = (Path("/usr/share/mariadb"), Path("/usr/share/mysql"))
START_SECONDS = 120  # a crash recovery may take a while
STOP_SECONDS = 60
SOCKET_PATH_BYTES = 107  # sun_path of Linux, without the final NUL

MYSQL_OPTIONS = (
    "--skip-networking",
    "--skip-name-resolve",
    "--character-set-server=utf8mb4",
    "--collation-server=utf8mb4_general_ci",
    "--max-connections=512",
)
MYSQL_DURABLE = ("--innodb-buffer-pool-size=256M", "--innodb-flush-log-at-trx-commit=1")
MYSQL_FAST = (
    "--innodb-buffer-pool-size=64M",
    "--innodb-log-file-size=32M",
    "--innodb-flush-log-at-trx-commit=0",
    "--innodb-doublewrite=0",
    "--sync-frm=0",
)
REDIS_DURABLE = ("--save", "", "--appendonly", "yes", "--appendfsync", "everysec")
REDIS_FAST = ("--save", "", "--appendonly", "no")


class ServerError(Exception):
    """Says in a sentence why a private server does not run."""


@dataclass(frozen=True)
class Urls:
    """Where the two servers answer."""

    mysql: str
    redis: str


@dataclass(frozen=True)
class Home:
    """What one server owns in the file system."""

    folder: Path
    socket: Path

    @property
    def data(self) -> Path:
        return self.folder / "data"

    @property
    def fresh(self) -> Path:
        """Where the data is made the first time; it gets its real name when it is complete."""
        return self.folder / "data.new"

    @property
    def temporary(self) -> Path:
        """MariaDB removes all temporary tables in its folder when it starts, be they another server's."""
        return self.folder / "tmp"

    @property
    def log(self) -> Path:
        return self.folder / "log"

    @property
    def pid(self) -> Path:
        return self.folder / "pid"


@contextmanager
def private_servers(folder: Path, *, durable: bool = True, pause: Pause = time.sleep) -> Iterator[Urls]:
    """Both servers. `durable=False` trades safety at a power cut for speed: for tests."""
    with (
        private_mysql(folder, durable=durable, pause=pause) as mysql,
        private_redis(folder, durable=durable, pause=pause) as redis,
    ):
        yield Urls(mysql, redis)


@contextmanager
def private_mysql(folder: Path, *, durable: bool = True, pause: Pause = time.sleep) -> Iterator[str]:
    """A MariaDB with an empty database `xiaozhibo` the first time; yields its URL."""
    with _home(folder, "mysql") as home:
        start = home.folder / "start.sql"  # MariaDB runs it before it takes the first connection
        start.write_text(f"CREATE DATABASE IF NOT EXISTS {DATABASE} CHARACTER SET utf8mb4;\n")
        home.temporary.mkdir(mode=0o700, exist_ok=True)
        program = [_program("mariadbd"), "--no-defaults", *_as_current_user(), *MYSQL_OPTIONS]
        program += [f"--tmpdir={home.temporary}"]
        program += MYSQL_DURABLE if durable else MYSQL_FAST
        if not home.data.exists():
            _create_system_tables(home, program, pause)
        command = [*program, f"--datadir={home.data}", f"--socket={home.socket}", f"--init-file={start}"]
        with _running("MariaDB", home, command, lambda: _answers(home.socket, b"", b"MariaDB"), pause):
            yield f"mysql://root@localhost/{DATABASE}?unix_socket={quote(str(home.socket))}"


@contextmanager
def private_redis(folder: Path, *, durable: bool = True, pause: Pause = time.sleep) -> Iterator[str]:
    """A Redis; yields its URL."""
    with _home(folder, "redis") as home:
        home.data.mkdir(mode=0o700, exist_ok=True)
        command = [_program("redis-server"), "--port", "0", "--unixsocket", str(home.socket)]
        command += ["--dir", str(home.data), "--set-proc-title", "no"]  # stop_stranger reads the command line
        command += REDIS_DURABLE if durable else REDIS_FAST
        with _running("Redis", home, command, lambda: _answers(home.socket, b"PING\r\n", b"+PONG"), pause):
            yield f"unix://{quote(str(home.socket))}?db=0"


@contextmanager
def _home(folder: Path, name: str) -> Iterator[Home]:
    """The server's folder, for us alone, with nothing of an earlier run still working in it."""
    own = folder.resolve() / name
    for path in (own.parent, own):
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
        path.chmod(0o700)
    with (own / "lock").open("wb") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)  # the kernel frees it when we end, however we end
        except BlockingIOError:
            raise ServerError(f"Another process is running private servers in {folder}; stop it first.") from None
        with _socket_folder(own) as place:
            home = Home(own, place / "socket")
            _stop_orphan(home)
            yield home


@contextmanager
def _socket_folder(own: Path) -> Iterator[Path]:
    """The server's folder, or a short one of the same privacy when a socket there would have too long a path."""
    if len(os.fsencode(own / "socket")) <= SOCKET_PATH_BYTES:
        yield own
        return
    short = Path(tempfile.gettempdir()) / f"{DATABASE}-{hashlib.sha256(os.fsencode(own)).hexdigest()[:16]}"
    short.mkdir(mode=0o700, exist_ok=True)
    status = short.lstat()
    if not stat.S_ISDIR(status.st_mode) or status.st_uid != os.geteuid() or status.st_mode & 0o077:
        raise ServerError(f"{short} is needed for a socket, but it is not a private folder of this user; remove it.")
    try:
        yield short
    finally:
        shutil.rmtree(short, ignore_errors=True)


def _stop_orphan(home: Home) -> None:
    """End the server that a killed run may have left on our data: two at a time would spoil it."""
    data, fresh = os.fsencode(home.data), os.fsencode(home.fresh)

    def is_ours(command_line: bytes) -> bool:
        return not {data, b"--datadir=" + data, b"--datadir=" + fresh}.isdisjoint(command_line.split(b"\0"))

    with suppress(FileNotFoundError, ValueError):
        stop_stranger(int(home.pid.read_text()), is_ours, STOP_SECONDS)


@contextmanager
def _running(name: str, home: Home, command: list[str], answers: Callable[[], bool], pause: Pause) -> Iterator[None]:
    """Start a server, wait until it answers, and stop it at the end."""
    with _recorded(home, command) as process:
        with _killed_if_interrupted(process):
            deadline = time.monotonic() + START_SECONDS
            while not answers():
                if has_ended(process) or time.monotonic() > deadline:
                    raise _did_not_start(name, home.log)
                pause(0.02)
        yield


@contextmanager
def _killed_if_interrupted(process: Child) -> Iterator[None]:
    """For the time of a start: MariaDB may wait forever after a TERM that comes too early. Both survive a kill."""
    try:
        yield
    except BaseException:
        process.kill()
        raise


@contextmanager
def _recorded(home: Home, command: list[str], stdin: IO[bytes] | None = None) -> Iterator[Child]:
    """A child that writes to the log and whose process id the next run can find."""
    with (
        home.log.open("ab") as log,
        child(command, stdin=stdin, output=log, patience=STOP_SECONDS, orphaned=SIGKILL) as process,
    ):
        home.pid.write_text(str(process.pid))
        yield process


def _answers(path: Path, question: bytes, answer: bytes) -> bool:
    """Whether the server behind a unix socket speaks as it does when it is ready."""
    with socket.socket(socket.AF_UNIX) as connection, suppress(OSError):
        connection.settimeout(1)
        connection.connect(str(path))
        connection.sendall(question)
        return answer in connection.recv(256)
    return False


def _create_system_tables(home: Home, program: list[str], pause: Pause) -> None:
    """What mariadb-install-db does, without what it needs besides the server (the client tools).

    What an interrupted run left is thrown away.
    """
    shutil.rmtree(home.fresh, ignore_errors=True)
    home.fresh.mkdir(mode=0o700)
    command = [*program, f"--datadir={home.fresh}", "--bootstrap", "--silent-startup", "--log-warnings=0"]
    with tempfile.TemporaryFile() as statements:
        statements.write(_system_tables())
        statements.seek(0)
        with _recorded(home, command, stdin=statements) as process, _killed_if_interrupted(process):
            code = wait_for_end(process, pause)
    if code != 0:
        raise _did_not_start("The first start of MariaDB", home.log)
    home.fresh.rename(home.data)


def _system_tables() -> bytes:
    """The statements that MariaDB ships; root may come in without a password, but only through our socket."""
    parts = [b"CREATE DATABASE IF NOT EXISTS mysql;\nUSE mysql;\nSET @auth_root_socket=NULL;\n"]
    for name in ("system_tables.sql", "performance_tables.sql", "system_tables_data.sql"):
        found = [path for share in SHARE for path in share.glob(f"m*_{name}")]
        if not found:
            raise ServerError(f"MariaDB's {name} is in none of {', '.join(map(str, SHARE))}.")
        parts.append(found[0].read_bytes())
    return b"".join(parts)


def _as_current_user() -> list[str]:
    """MariaDB refuses to run as root unless told to."""
    return ["--user=root"] if os.geteuid() == 0 else []


def _program(name: str) -> str:
    """The path of a server; Debian keeps some of them outside of an ordinary user's PATH."""
    places = [str(ROOT / "var/bin"), "/usr/local/sbin", "/usr/sbin"]
    found = shutil.which(name) or shutil.which(name, path=os.pathsep.join(places))
    if found is None:
        raise ServerError(f"{name} is not installed; ./scripts/prepare installs it.")
    return found


def _did_not_start(name: str, log: Path) -> ServerError:
    lines = log.read_text(errors="replace").splitlines()[-15:]
    return ServerError(f"{name} did not start. The end of {log}:\n  " + "\n  ".join(lines))
