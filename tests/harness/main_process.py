"""Runs the real `python main.py` as a child process."""

import json
import os
import signal
import socket
import ssl
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from http.client import HTTPConnection, HTTPSConnection
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any, TypeVar

import trustme

from conf.settings import ROOT
from scripts.stores.ports import reserved_port as reserved_port  # tests import it from here
from tests.harness import fork_server, leaks
from tests.harness.stores import OPTIONS

T = TypeVar("T")
_OPTIONS = (*OPTIONS, "--log.format", "json")
PATIENCE = 20  # seconds until a test gives up on a condition


class Server:
    """A running server and its ports."""

    def __init__(self, process: BaseProcess, port: int, tls_port: int, log: Path) -> None:
        self._process = process
        self.port = port
        self.tls_port = tls_port
        self._log = log

    @property
    def pid(self) -> int:
        """The process id of the (parent) process."""
        assert self._process.pid
        return self._process.pid

    def call(
        self, path: str, body: Mapping[str, Any] | None = None, token: str = "", context: ssl.SSLContext | None = None
    ) -> tuple[int, dict[str, Any]]:
        """POST (or GET without a body) over HTTP, or over HTTPS with a context; HTTP status and envelope."""
        connection = HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE)
        if context is not None:
            connection = HTTPSConnection("127.0.0.1", self.tls_port, timeout=PATIENCE, context=context)
        try:
            method = "GET" if body is None else "POST"
            headers = {"Authorization": f"Bearer {token}"} if token else {}
            data = None if body is None else json.dumps(body)
            connection.request(method, path, data, headers)
            response = connection.getresponse()
            answer = json.loads(response.read())
            leaks.remember_request(headers, (data or "").encode())
            leaks.remember_answer(path, answer)
            return response.status, answer
        finally:
            connection.close()

    def is_ready(self) -> bool:
        """True when /readyz answers 200."""
        try:
            return self.call("/readyz")[0] == 200
        except OSError:
            return False

    def log(self) -> list[dict[str, Any]]:
        """The log so far, one dict a line."""
        return [json.loads(line) for line in self._log.read_text().splitlines()]

    def send(self, number: signal.Signals) -> None:
        """Send a signal to the (parent) process."""
        os.kill(self.pid, number)

    def exit_code(self) -> int:
        """Wait for the end."""
        self._process.join(PATIENCE)
        assert self._process.exitcode is not None, "the server has not ended"
        return self._process.exitcode


def wait_for(condition: Callable[[], T | None]) -> T:
    """Poll until the condition is true; its value."""
    deadline = time.monotonic() + PATIENCE
    while not (value := condition()):
        assert time.monotonic() < deadline, "the condition never came true"
        time.sleep(0.01)
    return value


def command(*options: str) -> list[str]:
    """main.py with cheap hashes and JSON lines on the test's stores; the options override."""
    return [sys.executable, str(ROOT / "main.py"), *_OPTIONS, *options]


@contextmanager
def running(
    folder: Path, *options: str, ready: bool = True, tls: bool = False, inherited: socket.socket | None = None
) -> Iterator[Server]:
    """A server on ports of its own, or on an inherited socket; at the end it is asked to stop, or killed.

    With `tls` and without a certificate in the options it makes the shared certificate in var/, where two servers
    at a time would get in each other's way.
    """
    log = folder / "log"
    log.write_bytes(b"")
    with reserved_port() as port, reserved_port() as tls_port:
        ports = ["--http.port", str(port), "--http.tls_port", str(tls_port if tls else 0)]
        process = fork_server.start([*_OPTIONS, *ports, *options], log, inherited)
        server = Server(process, port, tls_port, log)
        try:
            if ready:
                wait_for(server.is_ready)
            yield server
            if process.is_alive():
                process.terminate()  # not kill: a process reports its coverage when it ends by itself
                server.exit_code()
        finally:
            process.kill()
            process.join()
            leaked = leaks.in_text(log.read_text(errors="replace"), log)
        assert not leaked


def certificate(folder: Path, authority: trustme.CA) -> list[str]:
    """Write a certificate for the loopback address; the options that serve it."""
    issued = authority.issue_cert("127.0.0.1")
    issued.cert_chain_pems[0].write_to_path(folder / "cert.pem")
    issued.private_key_pem.write_to_path(folder / "key.pem")
    return ["--http.tls_certificate", str(folder / "cert.pem"), "--http.tls_key", str(folder / "key.pem")]


def alive(pid: int) -> bool:
    """True when the process runs; a zombie does not."""
    try:
        return ") Z " not in Path(f"/proc/{pid}/stat").read_text()
    except FileNotFoundError:
        return False


def children(pid: int) -> list[int]:
    """The direct child processes."""
    pids = []
    for entry in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = entry.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if int(fields[1]) == pid and fields[0] != "Z":
            pids.append(int(entry.parent.name))
    return pids


def kill(pid: int) -> None:
    """End a process at once, without a chance to clean up."""
    os.kill(pid, signal.SIGKILL)
