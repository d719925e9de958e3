"""Runs main.py on migrated tables, with private stores where the environment names none, and stops all together."""

import os
import socket
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, nullcontext, suppress
from http import HTTPStatus
from http.client import HTTPConnection
from pathlib import Path
from signal import SIGHUP
from typing import NoReturn

from conf.cli import load
from conf.settings import ROOT, Http
from scripts.stores.private_servers import ServerError, private_mysql, private_redis
from scripts.stores.processes import Child, Signals, Stopped, child, has_ended, wait_for_end

DATA = ROOT / "var" / "server"
SHUTDOWN_MARGIN_S = 15  # of main.py, after its drain
RELOAD_POLL_S = 0.3
SOURCES = ("conf", "handlers", "models", "services")


def main(argv: Sequence[str]) -> int:
    """Serve until a signal comes; the exit code of the command."""
    signals = Signals()
    reload, argv = "--reload" in argv, [argument for argument in argv if argument != "--reload"]
    http = load(argv).http
    try:
        check_ports(http)
        with ExitStack() as running:
            os.environ.update(start_stores(running, DATA, signals))
            return serve_sources(argv, http, signals) if reload else serve(argv, http, signals)
    except Stopped:
        return 0
    except ServerError as error:
        print(error, file=sys.stderr)
        return 1


def serve(argv: Sequence[str], http: Http, signals: Signals) -> int:
    """Migrate and serve until the server ends; the exit code."""
    if code := migrate(argv, signals):
        return code
    with serving(argv, http, signals) as server:
        return wait_for_end(server, signals.pause)


def serve_sources(argv: Sequence[str], http: Http, signals: Signals) -> NoReturn:
    """Migrate and serve again whenever a source file has changed. A server that does not start waits for a change."""
    while True:
        before = sources()
        with serving(argv, http, signals) if not migrate(argv, signals) else nullcontext():
            while sources() == before:
                signals.pause(RELOAD_POLL_S)
        print("\nA source file has changed.", flush=True)


def sources() -> dict[Path, int]:
    """The server's source files and the times of their last change."""
    times = {}
    for path in [ROOT / "main.py", *(path for folder in SOURCES for path in (ROOT / folder).rglob("*.*"))]:
        with suppress(FileNotFoundError):  # an editor replaces files
            if path.suffix in (".py", ".sql", ".toml"):
                times[path] = path.stat().st_mtime_ns
    return times


@contextmanager
def serving(argv: Sequence[str], http: Http, signals: Signals) -> Iterator[Child]:
    """The server, which has ended or is ready."""
    command = [sys.executable, str(ROOT / "main.py"), *argv]
    fds = [] if http.fd is None else [http.fd]
    with child(command, pass_fds=fds, stop_timeout=http.drain_timeout + SHUTDOWN_MARGIN_S) as server:
        signals.hangup = lambda: server.send_signal(SIGHUP)
        wait_until_ready(server, http, signals)
        yield server


def check_ports(http: Http) -> None:
    """Raise ServerError when a port is taken, before anything is started."""
    if http.fd is not None:
        return
    for port, name in ((http.port, "XZB_HTTP__PORT"), (http.tls_port, "XZB_HTTP__TLS_PORT")):
        with socket.socket(socket.AF_INET6 if ":" in http.address else socket.AF_INET) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((http.address, port))
            except OSError as error:
                raise ServerError(
                    f"Port {port} of {http.address} cannot be used ({error.strerror}); {name} sets another one."
                ) from None


def start_stores(running: ExitStack, folder: Path, signals: Signals) -> dict[str, str]:
    """Start a private store for each one that the environment does not name; the variables with their addresses."""
    urls = {}
    for name, start in (("XZB_MYSQL__URL", private_mysql), ("XZB_REDIS__URL", private_redis)):
        if not os.environ.get(name):
            urls[name] = running.enter_context(start(folder, pause=signals.pause))
    return urls


def migrate(argv: Sequence[str], signals: Signals) -> int:
    """Bring the tables up to date as an operator does; the exit code.

    The migration is a process of its own, so that a signal can end it while MySQL hangs.
    """
    env = {**os.environ, "XZB_MYSQL__URL": load(argv).mysql.url.get_secret_value()}
    with child([sys.executable, "-m", "scripts.administration", "migrate"], env=env) as migration:
        return wait_for_end(migration, signals.pause)


def wait_until_ready(server: Child, http: Http, signals: Signals) -> None:
    """Return when the server has ended, or is ready and its address is printed."""
    if http.fd is not None or not http.port:
        return
    while not has_ended(server):
        if is_ready(http):
            announce(http)
            return
        signals.pause(0.05)


def is_ready(http: Http) -> bool:
    """True when /readyz answers 200."""
    connection = connect(http)
    try:
        with suppress(OSError):
            connection.request("GET", "/readyz")
            return connection.getresponse().status == HTTPStatus.OK
        return False
    finally:
        connection.close()


def connect(http: Http) -> HTTPConnection:
    """A connection to the HTTP port. A server on all addresses is reached on the loopback address."""
    host = {"0.0.0.0": "127.0.0.1", "": "127.0.0.1", "::": "::1"}.get(http.address, http.address)
    return HTTPConnection(host, http.port, timeout=2)


def announce(http: Http) -> None:
    """Print the address of the server and a command to try it."""
    host = f"[{http.address}]" if ":" in http.address else http.address
    url = f"http://{host}:{http.port}"
    print(f"\nServing on {url}" + (f" and https://{host}:{http.tls_port}" if http.tls_port else ""))
    body = '{"userid":"alice","password":"secret"}'
    print(f"Try: curl {url}/register -d '{body}'\n", flush=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
