"""Stores that outlive a run of tests."""

import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from redis import Redis

from scripts.stores.kept import kept_servers
from scripts.stores.private_servers import ServerError
from tests.harness.main_process import alive, wait_for


def keeper(folder: Path) -> int:
    (pid,) = folder.glob("kept-*/pid")
    return int(pid.read_text())


def stop_keeper(folder: Path) -> None:
    pid = keeper(folder)
    os.kill(pid, signal.SIGTERM)
    wait_for(lambda: not alive(pid))


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.setattr("scripts.stores.kept._FOLDER", tmp_path)
    yield tmp_path
    stop_keeper(tmp_path)


def test_the_next_run_finds_the_stores_of_the_one_before(folder: Path) -> None:
    with kept_servers(time.sleep) as first, Redis.from_url(first.redis) as redis:
        redis.set("key", "value")
    before = keeper(folder)
    with kept_servers(time.sleep) as second, Redis.from_url(second.redis) as redis:
        assert redis.get("key") == b"value"
        with pytest.raises(ServerError, match="Another run uses the kept stores"), kept_servers(time.sleep):
            pass
    assert keeper(folder) == before
    stop_keeper(folder)
    with kept_servers(time.sleep):
        assert keeper(folder) != before
