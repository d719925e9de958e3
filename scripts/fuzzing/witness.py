"""What a server of our own shows from inside: its log, the rows it has written, its workers."""

import json
import time
from pathlib import Path
from typing import Any

import pymysql

from conf.settings import mysql_arguments
from scripts.benchmark.servers import Server
from scripts.stores.private_servers import Urls

_LOG_PATIENCE_S = 2  # a line is written after the answer
# The rows that statements have changed since the start. A probe of /readyz is no request's row.
_CHANGED = """
SELECT COALESCE(SUM(rows_changed), 0) FROM information_schema.table_statistics
WHERE table_schema = DATABASE() AND table_name <> 'tb_probe'
"""


class Witness:
    """Watches a server and its private database."""

    def __init__(self, server: Server, urls: Urls) -> None:
        self._server = server
        self._log = server.log.open("rb")
        self._log.seek(0, 2)
        self._rest = b""
        self.log_lines = 0
        arguments = mysql_arguments(urls.mysql)
        self._mysql = pymysql.connect(database=arguments.pop("db"), **arguments, autocommit=True)
        with self._mysql.cursor() as cursor:
            cursor.execute("SET GLOBAL userstat = 1")

    def close(self) -> None:
        """Close the log and the connection."""
        self._log.close()
        self._mysql.close()

    def rows_changed(self) -> int:
        """The rows that have been inserted, changed and deleted so far."""
        with self._mysql.cursor() as cursor:
            cursor.execute(_CHANGED)
            row = cursor.fetchone()
        return int(row[0]) if row else 0

    def dead_workers(self) -> list[int]:
        """The workers of the start that do not live any more."""
        return [pid for pid in self._server.pids if not _is_alive(pid)]

    def new_lines(self, request_id: str = "") -> list[str]:
        """The lines of the log since the last call, with that of the request, which may come late."""
        lines: list[str] = []
        deadline = time.monotonic() + _LOG_PATIENCE_S
        while True:
            lines += self._read()
            if not request_id or any(request_id in line for line in lines) or time.monotonic() > deadline:
                self.log_lines += len(lines)
                return lines
            time.sleep(0.0005)

    def _read(self) -> list[str]:
        *lines, self._rest = (self._rest + self._log.read()).split(b"\n")
        return [line.decode(errors="replace") for line in lines]


def _is_alive(pid: int) -> bool:
    """True when the process runs; a zombie does not (proc(5), stat field 3)."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def is_failure_line(line: str) -> bool:
    """True for a line that reports a failure of the server: an error, a traceback, or what is no event at all."""
    try:
        event: dict[str, Any] = json.loads(line)
    except ValueError:
        return True
    return event.get("level") in ("error", "critical") or "exception" in event
