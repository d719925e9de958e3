"""Workers under supervisor, by its XML-RPC interface (https://supervisord.org/api.html)."""

import os
import socket
import struct
from contextlib import suppress
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
        self._transport = _UnixTransport(socket_path)
        self._rpc: Any = ServerProxy("http://supervisor", transport=self._transport)
        self._reports = Reports(socket_path.with_name("notify.sock"))

    def close(self) -> None:
        """Close the connection to supervisor and the socket for reports."""
        self._transport.close()
        self._reports.close()

    def workers(self) -> list[str]:
        processes = self._rpc.supervisor.getAllProcessInfo()
        return [f"{process['group']}:{process['name']}" for process in processes if process["group"] == PROGRAM]

    def restart(self, worker: str) -> None:
        self.stop(worker)
        try:
            # Without waiting for `startsecs`: its report comes earlier.
            self._rpc.supervisor.startProcess(worker, False)
        except Fault as fault:
            raise RestartError(fault.faultString) from None

    def state(self, worker: str) -> str:
        process = self.process(worker)
        if process["statename"] not in ("STARTING", "RUNNING"):
            raise RestartError(f"it has ended; its log is {process['stdout_logfile']}")
        return self._reports.of(process["pid"])

    def stop(self, worker: str) -> None:
        try:
            self._rpc.supervisor.stopProcess(worker)
        except Fault as fault:
            if fault.faultCode != _NOT_RUNNING:
                raise RestartError(fault.faultString) from None

    def process(self, worker: str) -> dict[str, Any]:
        """Supervisor's facts about a worker."""
        process: dict[str, Any] = self._rpc.supervisor.getProcessInfo(worker)
        return process


class Reports:
    """The reports of workers, in systemd's place (sd_notify(3)). The workers may run as another user.

    Supervisor knows the parent of a worker, which watches it (handlers/transport/workers.py).
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._last: dict[int, str] = {}
        path.unlink(missing_ok=True)  # of an interrupted restart
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.setblocking(False)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)
        mask = os.umask(0)
        self._socket.bind(str(path))
        os.umask(mask)

    def close(self) -> None:
        """Hear no more."""
        self._socket.close()
        self._path.unlink(missing_ok=True)

    def of(self, pid: int) -> str:
        """The last state that a process or a child of it has reported, or ""."""
        with suppress(BlockingIOError):
            while True:
                self._receive()
        return self._last.get(pid, "")

    def _receive(self) -> None:
        """Take in a report and the process that sent it, as the kernel says. Raises BlockingIOError."""
        message, ancillary, _, _ = self._socket.recvmsg(4096, socket.CMSG_SPACE(_CREDENTIALS.size))
        pid, _, _ = _CREDENTIALS.unpack(ancillary[0][2])
        for line in message.decode().splitlines():
            if line.startswith("STATUS="):
                self._last[pid] = self._last[_parent(pid)] = line.removeprefix("STATUS=")


def _parent(pid: int) -> int:
    """The parent of a process, 0 when it has ended."""
    try:
        return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
    except OSError:
        return 0


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
