"""./scripts/server: it migrates, serves and leaves nothing behind."""

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPConnection

from pymysql.cursors import Cursor
from redis import Redis

from conf.settings import ROOT
from tests.harness.main_process import alive, children, reserved_port, wait_for
from tests.harness.stores import DATABASE, MYSQL_URL, REDIS_URL


@contextmanager
def serving(mysql_url: str, *options: str) -> Iterator[tuple["subprocess.Popen[str]", int]]:
    """The command as a child process, and the port on which it is to serve."""
    env = {**os.environ, "XZB_MYSQL__URL": mysql_url, "XZB_REDIS__URL": REDIS_URL, "XZB_METRICS__PORT": "0"}
    pipe = subprocess.PIPE
    with reserved_port() as port:
        command = [
            sys.executable,
            "-m",
            "scripts.stores.serve",
            "--http.port",
            str(port),
            "--http.tls_port",
            "0",
            *options,
        ]
        process = subprocess.Popen(command, cwd=ROOT, env=env, stdout=pipe, stderr=pipe, text=True)
        try:
            yield process, port
        finally:
            process.terminate()
            process.communicate()


def status(port: int) -> int:
    connection = HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request("GET", "/readyz")
        return connection.getresponse().status
    except OSError:
        return 0
    finally:
        connection.close()


def test_the_server_command_migrates_and_stops_its_children(mysql: Cursor, store: Redis) -> None:
    name = f"serve_{os.getpid()}"
    url = MYSQL_URL.replace(f"/{DATABASE}", f"/{name}", 1)
    mysql.execute(f"CREATE DATABASE {name}")
    try:
        with serving(url) as (server, port):
            wait_for(lambda: status(port) == 200)
            started = children(server.pid)
            server.send_signal(signal.SIGTERM)
            output, errors = server.communicate()
        assert (server.returncode, errors) == (0, "")
        assert output.startswith("tables: applied 0001.initial")
        assert started
        assert not any(alive(pid) for pid in started)
    finally:
        mysql.execute(f"DROP DATABASE {name}")


def test_with_reload_a_changed_source_file_starts_the_server_again(mysql: Cursor, store: Redis) -> None:
    with serving(MYSQL_URL, "--reload") as (server, port):
        wait_for(lambda: status(port) == 200)
        (before,) = children(server.pid)
        os.utime(ROOT / "main.py")
        wait_for(lambda: not alive(before))
        wait_for(lambda: status(port) == 200)
        server.send_signal(signal.SIGTERM)
        output, errors = server.communicate()
    assert (server.returncode, errors) == (0, "")
    assert output.count("A source file has changed.") == 1
    assert output.count("Serving on") == 2


def test_the_server_command_ends_with_the_reason_when_mysql_refuses() -> None:
    with serving("mysql://root@127.0.0.1:1/xiaozhibo") as (server, _):
        output, errors = server.communicate(timeout=20)
    assert (server.returncode, output, errors.count("\n")) == (1, "", 1)
    assert errors.startswith("Can't connect to MySQL server on '127.0.0.1'")


def test_a_signal_ends_a_migration_that_hangs() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        with serving(f"mysql://root@127.0.0.1:{silent.getsockname()[1]}/xiaozhibo") as (server, _):
            connection, _ = silent.accept()
            server.send_signal(signal.SIGTERM)
            server.communicate(timeout=20)  # it would be killed after 30
        connection.close()
    assert server.returncode == 0
