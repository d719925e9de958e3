"""Private MariaDB and Redis servers with their data in one folder, on unix sockets only.

Other users cannot reach them: the folder has mode 0700 and there is no TCP port. They run as the current user, read
no system configuration and end with this process, even when it is killed.

    with private_servers(Path("var/server")) as urls:
        ...  # urls.mysql, urls.redis
"""

import fcntl
import hashlib
import os
import shutil
import socket
import stat
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from signal import SIGKILL
from typing import IO
from urllib.parse import quote

from conf.settings import ROOT
from scripts.stores.processes import Child, Pause, child, has_ended, stop_orphan, wait_for_end

DATABASE = "xiaozhibo"
UNPACKED = ROOT / "var/bin"  # programs of packages that ./scripts/prepare does not install
SHARE = (Path("/usr/share/mariadb"), Path("/usr/share/mysql"))
START_TIMEOUT_S = 120  # a crash recovery may take a while
STOP_TIMEOUT_S = 60
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
    "--lock-wait-timeout=20",  # of a table: a reader that a test has left behind blocks no DROP for a day
)
REDIS_DURABLE = ("--save", "", "--appendonly", "yes", "--appendfsync", "everysec")
REDIS_FAST = ("--save", "", "--appendonly", "no", "--databases", "256")  # one for each test process


class ServerError(Exception):
    """A private server does not run, for the reason in the message."""


@dataclass(frozen=True)
class Urls:
    """The addresses of the two servers."""

    mysql: str
    redis: str


@dataclass(frozen=True)
class Files:
    """The files of one server."""

    folder: Path
    socket: Path

    @property
    def data(self) -> Path:
        return self.folder / "data"

    @property
    def new_data(self) -> Path:
        """The folder of the first start. It becomes `data` when it is complete."""
        return self.folder / "data.new"

    @property
    def temporary(self) -> Path:
        """Not shared with another server: MariaDB deletes all temporary tables in this folder when it starts."""
        return self.folder / "tmp"

    @property
    def log(self) -> Path:
        return self.folder / "log"

    @property
    def pid(self) -> Path:
        return self.folder / "pid"


@contextmanager
def private_servers(folder: Path, *, durable: bool = True, pause: Pause = time.sleep) -> Iterator[Urls]:
    """Both servers. `durable=False` is for tests: faster, but a power cut may lose data."""
    with (
        private_mysql(folder, durable=durable, pause=pause) as mysql,
        private_redis(folder, durable=durable, pause=pause) as redis,
    ):
        yield Urls(mysql, redis)


@contextmanager
def private_mysql(
    folder: Path,
    *,
    durable: bool = True,
    pause: Pause = time.sleep,
    disk_mib: int | None = None,
    options: Sequence[str] = (),
) -> Iterator[str]:
    """A MariaDB, at first with an empty database `xiaozhibo`; yields its URL.

    With `disk_mib` its data is on a disk of that size, which only MariaDB and its user see, and which goes with it.
    `options` are more of mariadbd's, which override ours.
    """
    with _locked_files(folder, "mysql") as files:
        start = files.folder / "start.sql"  # MariaDB runs it before it accepts connections
        start.write_text(f"CREATE DATABASE IF NOT EXISTS {DATABASE} CHARACTER SET utf8mb4;\n")
        files.temporary.mkdir(mode=0o700, exist_ok=True)
        program = [find_program("mariadbd"), "--no-defaults", *as_current_user(), *MYSQL_OPTIONS]
        program += [f"--tmpdir={files.temporary}"]
        program += MYSQL_DURABLE if durable else MYSQL_FAST
        if not files.data.exists():
            create_system_tables(files, program, pause)
        command = [
            *_on_disk(files.data, disk_mib),
            *program,
            f"--datadir={files.data}",
            f"--socket={files.socket}",
            f"--init-file={start}",
            *options,
        ]
        with _running("MariaDB", files, command, lambda: _responds(files.socket, b"", b"MariaDB"), pause):
            yield f"mysql://root@localhost/{DATABASE}?unix_socket={quote(str(files.socket))}"


@contextmanager
def private_redis(folder: Path, *, durable: bool = True, pause: Pause = time.sleep) -> Iterator[str]:
    """A Redis; yields its URL."""
    with _locked_files(folder, "redis") as files:
        files.data.mkdir(mode=0o700, exist_ok=True)
        command = [find_program("redis-server"), "--port", "0", "--unixsocket", str(files.socket)]
        command += ["--dir", str(files.data), "--set-proc-title", "no"]  # stop_orphan reads the command line
        command += REDIS_DURABLE if durable else REDIS_FAST
        with _running("Redis", files, command, lambda: _responds(files.socket, b"PING\r\n", b"+PONG"), pause):
            yield f"unix://{quote(str(files.socket))}?db=0"


@contextmanager
def _locked_files(folder: Path, name: str) -> Iterator[Files]:
    """The server's files, locked, after the server of an earlier run has been stopped."""
    home = folder.resolve() / name
    for path in (home.parent, home):
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
        path.chmod(0o700)
    with (home / "lock").open("wb") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)  # the kernel releases it when this process ends in any way
        except BlockingIOError:
            raise ServerError(f"Another process is running private servers in {folder}; stop it first.") from None
        with _socket_folder(home) as socket_folder:
            files = Files(home, socket_folder / "socket")
            _stop_orphan(files)
            yield files


@contextmanager
def _socket_folder(home: Path) -> Iterator[Path]:
    """The server's folder, or another private one with a short path when the socket's path would be too long."""
    if len(os.fsencode(home / "socket")) <= SOCKET_PATH_BYTES:
        yield home
        return
    short = Path(tempfile.gettempdir()) / f"{DATABASE}-{hashlib.sha256(os.fsencode(home)).hexdigest()[:16]}"
    short.mkdir(mode=0o700, exist_ok=True)
    status = short.lstat()
    if not stat.S_ISDIR(status.st_mode) or status.st_uid != os.geteuid() or status.st_mode & 0o077:
        raise ServerError(f"{short} is needed for a socket, but it is not a private folder of this user; remove it.")
    try:
        yield short
    finally:
        shutil.rmtree(short, ignore_errors=True)


def _stop_orphan(files: Files) -> None:
    """Stop the server that a killed run may have left on this data: two servers at once would corrupt it."""
    data, new_data = os.fsencode(files.data), os.fsencode(files.new_data)

    def is_ours(command_line: bytes) -> bool:
        return not {data, b"--datadir=" + data, b"--datadir=" + new_data}.isdisjoint(command_line.split(b"\0"))

    with suppress(FileNotFoundError, ValueError):
        stop_orphan(int(files.pid.read_text()), is_ours, STOP_TIMEOUT_S)


@contextmanager
def _running(name: str, files: Files, command: list[str], responds: Callable[[], bool], pause: Pause) -> Iterator[None]:
    """Start a server, wait until it responds, and stop it at the end."""
    with _recorded(files, command) as process:
        with _killed_if_interrupted(process):
            deadline = time.monotonic() + START_TIMEOUT_S
            while not responds():
                if has_ended(process) or time.monotonic() > deadline:
                    raise _did_not_start(name, files.log)
                pause(0.02)
        yield


@contextmanager
def _killed_if_interrupted(process: Child) -> Iterator[None]:
    """Kill a server whose start is interrupted: MariaDB may hang after an early TERM. Both servers survive a kill."""
    try:
        yield
    except BaseException:
        process.kill()
        raise


@contextmanager
def _recorded(files: Files, command: list[str], stdin: IO[bytes] | None = None) -> Iterator[Child]:
    """A child whose output is in the log and whose process id the next run can read."""
    env = {**os.environ, "PATH": f"{UNPACKED}:{os.environ['PATH']}"}  # a node of a cluster calls other programs
    with (
        files.log.open("ab") as log,
        child(command, env=env, stdin=stdin, output=log, stop_timeout=STOP_TIMEOUT_S, orphaned=SIGKILL) as process,
    ):
        files.pid.write_text(str(process.pid))
        yield process


def _responds(path: Path, request: bytes, response: bytes) -> bool:
    """True when the server on a unix socket responds as a ready one does."""
    with socket.socket(socket.AF_UNIX) as connection, suppress(OSError):
        connection.settimeout(1)
        connection.connect(str(path))
        connection.sendall(request)
        return response in connection.recv(256)
    return False


def create_system_tables(files: Files, program: list[str], pause: Pause, more: str = "") -> None:
    """Create the data folder as mariadb-install-db does, which would also need the client tools, and run `more` SQL.

    The remains of an interrupted run are deleted.
    """
    shutil.rmtree(files.new_data, ignore_errors=True)
    files.new_data.mkdir(mode=0o700)
    command = [*program, f"--datadir={files.new_data}", "--bootstrap", "--silent-startup", "--log-warnings=0"]
    with tempfile.TemporaryFile() as statements:
        statements.write(_system_tables() + more.encode())
        statements.seek(0)
        with _recorded(files, command, stdin=statements) as process, _killed_if_interrupted(process):
            code = wait_for_end(process, pause)
    if code != 0:
        raise _did_not_start("The first start of MariaDB", files.log)
    files.new_data.rename(files.data)


def _system_tables() -> bytes:
    """The statements that MariaDB ships. Root needs no password, because the socket is private."""
    parts = [b"CREATE DATABASE IF NOT EXISTS mysql;\nUSE mysql;\nSET @auth_root_socket=NULL;\n"]
    for name in ("system_tables.sql", "performance_tables.sql", "system_tables_data.sql"):
        paths = [path for share in SHARE for path in share.glob(f"m*_{name}")]
        if not paths:
            raise ServerError(f"MariaDB's {name} is in none of {', '.join(map(str, SHARE))}.")
        parts.append(paths[0].read_bytes())
    return b"".join(parts)


def _on_disk(data: Path, mib: int | None) -> list[str]:
    """A command prefix that puts a copy of a folder on a file system in memory, in a mount namespace of its own.

    The file system lasts as long as the shell, which starts a MariaDB that aborts again, as Debian's service does:
    InnoDB ends itself when it cannot even roll back.
    """
    if mib is None:
        return []
    mount = f'mkdir -p "$0.disk" && mount -t tmpfs -o size={mib}m none "$0.disk" && cp -a "$0/." "$0.disk"'
    mount += ' && mount --bind "$0.disk" "$0" || exit'
    end = "trap 'kill $mariadb; wait $mariadb; exit' TERM"
    run = 'until setpriv --pdeathsig KILL "$@" & mariadb=$!; wait $mariadb; do sleep 0.1; done'
    return [*_unshare(), "sh", "-c", f"{mount}\n{end}\n{run}", str(data)]


def may_mount() -> bool:
    """True when this user can have a mount namespace: root, or where the kernel allows it to users."""
    command = [*_unshare(), "mount", "-t", "tmpfs", "none", tempfile.gettempdir()]
    return subprocess.run(command, check=False, capture_output=True).returncode == 0


def _unshare() -> list[str]:
    return ["unshare", "--mount"] if os.geteuid() == 0 else ["unshare", "--mount", "--map-root-user"]


def as_current_user() -> list[str]:
    """The option without which MariaDB refuses to run as root."""
    return ["--user=root"] if os.geteuid() == 0 else []


def find_program(name: str) -> str:
    """The path of a server; Debian keeps some of them outside of an ordinary user's PATH."""
    folders = [str(UNPACKED), "/usr/local/sbin", "/usr/sbin"]
    path = shutil.which(name) or shutil.which(name, path=os.pathsep.join(folders))
    if path is None:
        raise ServerError(f"{name} is not installed; ./scripts/prepare installs it.")
    return path


def _did_not_start(name: str, log: Path) -> ServerError:
    lines = log.read_text(errors="replace").splitlines()[-15:]
    return ServerError(f"{name} did not start. The end of {log}:\n  " + "\n  ".join(lines))
