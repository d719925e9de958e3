"""./scripts/rolling_restart of workers under the shipped supervisor file, behind the shipped nginx file."""

import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest
from pymysql.cursors import Cursor

from conf.settings import ROOT
from scripts.restart.supervisor import Supervisor
from tests.harness.load import load
from tests.harness.production import Production, answers, production
from tests.slow.conftest import Productions

REQUESTS = 5_000


@pytest.fixture
def installation(mysql: Cursor, productions: Productions) -> Production:
    return productions()


def rolling_restart(installation: Production, *options: str) -> "subprocess.CompletedProcess[str]":
    socket = installation.var / "supervisor.sock"
    command = [sys.executable, "-m", "scripts.restart", "--socket", str(socket), *options]
    return subprocess.run(command, cwd=ROOT, check=False, capture_output=True, text=True)


def pids(var: Path) -> list[int]:
    with closing(Supervisor(var / "supervisor.sock")) as supervisor:
        return [supervisor.process(worker)["pid"] for worker in supervisor.workers()]


def test_a_rolling_restart_under_load_loses_no_request(installation: Production) -> None:
    before = pids(installation.var)
    with load(installation) as clients:
        result = rolling_restart(installation)
        clients.wait_for(REQUESTS)
    assert result.returncode == 0, result.stderr
    assert result.stdout == ("xiaozhibo:xiaozhibo-00 (1 of 2) … serves\nxiaozhibo:xiaozhibo-01 (2 of 2) … serves\n")
    assert clients.outcomes.keys() == {"200"}, clients.outcomes
    assert not set(before) & set(pids(installation.var))


def test_it_stops_at_the_first_worker_that_does_not_come_up(mysql: Cursor, tmp_path: Path) -> None:
    with production(tmp_path) as installation:
        before = pids(installation.var)
        settings = installation.var / "xiaozhibo.toml"
        right = settings.read_text()
        settings.write_text(right.replace("[mysql]", "[mysqll]"))
        result = rolling_restart(installation)
        assert result.returncode == 1
        assert result.stdout == "xiaozhibo:xiaozhibo-00 (1 of 2) … "
        assert f"it has ended; its log is {installation.var}/xiaozhibo-00.log" in result.stderr
        assert pids(installation.var)[1] == before[1]
        assert answers(installation.port)

        settings.write_text(right)
        assert rolling_restart(installation).returncode == 0
        assert not set(before) & set(pids(installation.var))


def test_a_worker_that_does_not_reach_its_stores_takes_no_requests_from_the_others(
    mysql: Cursor, tmp_path: Path
) -> None:
    with production(tmp_path) as installation:
        before = pids(installation.var)
        mysql.execute("RENAME TABLE tb_probe TO elsewhere")
        try:
            result = rolling_restart(installation)
        finally:
            mysql.execute("RENAME TABLE elsewhere TO tb_probe")
        assert result.returncode == 1
        assert result.stderr == (
            "\nrolling restart: xiaozhibo:xiaozhibo-00 does not serve: not ready: mysql. "
            "It is stopped, and the others serve on.\n"
        )
        assert pids(installation.var) == [0, before[1]]
        assert answers(installation.port)


def test_without_workers_it_says_so(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "scripts.restart", "--socket", str(tmp_path / "none")]
    result = subprocess.run(command, cwd=ROOT, check=False, capture_output=True, text=True)
    assert result.returncode == 1
    assert result.stderr.startswith("\nrolling restart: ")
