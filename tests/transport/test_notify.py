"""The reports of a worker to the socket that NOTIFY_SOCKET names."""

import asyncio
import errno
import signal
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
from pymysql.cursors import Cursor

from handlers.transport.notify import reporting
from tests.harness.main_process import PATIENCE, running

NO_REDIS = ("--redis.url", "redis://127.0.0.1:1/0")


@pytest.fixture(params=["path", "abstract"])
def reports(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[socket.socket]:
    """The socket that a server of this test reports to."""
    name = str(tmp_path / "notify.sock")
    abstract = request.param == "abstract"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listening:
        listening.settimeout(PATIENCE)
        listening.bind("\0" + name if abstract else name)
        monkeypatch.setenv("NOTIFY_SOCKET", "@" + name if abstract else name)
        yield listening


def test_a_worker_reports_that_it_listens_then_that_it_serves_and_that_it_stops(
    reports: socket.socket, tmp_path: Path, mysql: Cursor
) -> None:
    with running(tmp_path) as server:
        assert [reports.recv(100), reports.recv(100)] == [b"READY=1", b"STATUS=serving"]
        server.send(signal.SIGTERM)
        assert reports.recv(100) == b"STOPPING=1\nSTATUS=stopping"
        assert server.exit_code() == 0


def test_a_worker_whose_store_is_down_reports_which(reports: socket.socket, tmp_path: Path, mysql: Cursor) -> None:
    with running(tmp_path, *NO_REDIS, ready=False):
        assert [reports.recv(100) for _ in range(3)] == [b"READY=1"] + [b"STATUS=not ready: redis"] * 2


def test_a_worker_feeds_the_watchdog(
    reports: socket.socket, tmp_path: Path, mysql: Cursor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WATCHDOG_USEC", "20000")
    expected, reported = {b"READY=1", b"WATCHDOG=1", b"STATUS=serving"}, set[bytes]()
    with running(tmp_path):
        while not expected <= reported:
            reported.add(reports.recv(100))
    assert reported == expected


@pytest.mark.gen_test
async def test_a_report_without_a_free_descriptor_is_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    async def problems() -> list[str]:
        return []

    def no_descriptor(*arguments: object) -> None:
        raise OSError(errno.EMFILE, "too many open files")

    monkeypatch.setenv("NOTIFY_SOCKET", "/nowhere")
    monkeypatch.setattr("handlers.transport.notify.socket", no_descriptor)
    async with reporting(problems):
        await asyncio.sleep(0)


def test_nobody_has_to_listen(tmp_path: Path, mysql: Cursor, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "none"))
    with running(tmp_path) as server:
        server.send(signal.SIGTERM)
        assert server.exit_code() == 0
