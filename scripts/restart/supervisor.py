"""Workers under supervisor, by its XML-RPC interface (https://supervisord.org/api.html)."""

import os
import socket
import struct
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.client import HTTPConnection
from pathlib import Path
from typing import Any
from xmlrpc.client import Fault, ServerProxy, Transport

from scripts.restart import PROGRAM, RestartError

_NOT_RUNNING = 70  # supervisor.xmlrpc.Faults.NOT_RUNNING
_CREDENTIALS = struct.Struct("3i")  # pid, uid, gid: unix(7)


class Supervisor:
    """The workers of a supervisord. They report to the socket `notify.sock` beside supervisor's own."""

    def __init__(self, socket_path: Path) -> None:
        self._reports = socket_path.with_name("notify.sock")
        self._transport = _UnixTransport(socket_path)
        self._rpc: Any = ServerProxy("http://supervisor", transport=self._transport)

    def close(self) -> None:
        """Close the connection to supervisor."""
        self._transport.close()

    def workers(self) -> list[str]:
        processes = self._rpc.supervisor.getAllProcessInfo()
        return [f"{process['group']}:{process['name']}" for process in processes if process["group"] == PROGRAM]

    def restart(self, worker: str, timeout: float) -> None:
        with _listening(self._reports) as reports:
            try:
                self._stop(worker)
                self._rpc.supervisor.startProcess(worker)
            except Fault as fault:
                log = self._process(worker)["stdout_logfile"]
                raise RestartError(f"{fault.faultString}; its log is {log}") from None
            _wait_until_serving(reports, self.process_id(worker), timeout)

    def process_id(self, worker: str) -> int:
        """The process id of a worker; 0 when it does not run."""
        return int(self._process(worker)["pid"])

    def _process(self, worker: str) -> dict[str, Any]:
        """Supervisor's facts about a worker."""
        process: dict[str, Any] = self._rpc.supervisor.getProcessInfo(worker)
        return process

    def _stop(self, worker: str) -> None:
        try:
            self._rpc.supervisor.stopProcess(worker)
        except Fault as fault:
            if fault.faultCode != _NOT_RUNNING:
                raise


class _UnixTransport(Transport):
    """Speaks HTTP over a unix socket."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self._path = path

    def make_connection(self, host: Any) -> HTTPConnection:
        self.close()  # the one of the call before
        connection = _UnixConnection(self._path)
        self._connection = (host, connection)
        return connection


class _UnixConnection(HTTPConnection):
    def __init__(self, path: Path) -> None:
        super().__init__("localhost")
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.connect(str(self._path))


@contextmanager
def _listening(path: Path) -> Iterator[socket.socket]:
    """A socket for the reports of workers, which may run as another user."""
    path.unlink(missing_ok=True)  # of an interrupted restart
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as reports:
        reports.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)
        mask = os.umask(0)
        reports.bind(str(path))
        os.umask(mask)
        try:
            yield reports
        finally:
            path.unlink(missing_ok=True)


def _wait_until_serving(reports: socket.socket, pid: int, timeout: float) -> None:
    """Return when the process reports that it can serve. Raises RestartError with its last state."""
    state = "no report from it"
    deadline = time.monotonic() + timeout
    while (left := deadline - time.monotonic()) > 0:
        reports.settimeout(left)
        with suppress(TimeoutError):
            sender, message = _receive(reports)
            if sender == pid and "STATUS=" in message:
                state = message.partition("STATUS=")[2].partition("\n")[0]
                if state == "serving":
                    return
    raise RestartError(f"it does not serve after {timeout:g} s: {state}")


def _receive(reports: socket.socket) -> tuple[int, str]:
    """The next report and the process that sent it, as the kernel says."""
    message, ancillary, _, _ = reports.recvmsg(4096, socket.CMSG_SPACE(_CREDENTIALS.size))
    pid, _, _ = _CREDENTIALS.unpack(ancillary[0][2])
    return pid, message.decode()
