"""./scripts/install: whole versions, an upgrade and a way back, below supervisor and behind nginx, under load."""

import re
import shutil
import subprocess
from contextlib import closing
from pathlib import Path

from pymysql.cursors import Cursor

from conf.settings import ROOT
from scripts.restart.supervisor import Supervisor
from scripts.stores.supervised import USER
from tests.harness.load import load
from tests.harness.production import Production, production

REQUESTS = 5_000
LEFT_OUT = shutil.ignore_patterns(".git", ".venv", "var", "__pycache__", ".*_cache")


def unpacked(folder: Path, version: str) -> Path:
    """This version under another number, as somebody unpacks it from an archive."""
    source = folder / version
    shutil.copytree(ROOT, source, ignore=LEFT_OUT)
    project = source / "pyproject.toml"
    text, count = re.subn(r'^version = "[^"]+"', f'version = "{version}"', project.read_text(), flags=re.MULTILINE)
    assert count == 1
    project.write_text(text)
    return source


def run(command: Path, *options: str | Path) -> str:
    result = subprocess.run([command, *options], check=False, capture_output=True, text=True)
    assert result.returncode == 0, result.stdout + result.stderr
    return result.stdout


def versions(installation: Production) -> list[str]:
    """The versions that the workers run from, which is all that they have loaded."""
    with closing(Supervisor(installation.var / "supervisor.sock")) as supervisor:
        pids = [supervisor.process(worker)["pid"] for worker in supervisor.workers()]
    return [version(pid) for pid in pids]


def version(pid: int) -> str:
    folder = Path(f"/proc/{pid}/cwd").resolve()
    loaded = re.findall(rf"{folder.parents[1]}/(.+?)/\.venv", Path(f"/proc/{pid}/maps").read_text())
    assert set(loaded) == {f"releases/{folder.name}"}
    return folder.name.partition("-")[0]


def restart(folder: Path, installation: Production) -> None:
    run(folder / "current/scripts/rolling_restart", "--socket", installation.var / "supervisor.sock")


def install(source: Path, folder: Path, *options: str) -> None:
    run(source / "scripts/install", "--to", folder, "--user", USER, *options)


def test_an_upgrade_and_the_way_back_lose_no_request(mysql: Cursor, tmp_path: Path) -> None:
    folder = tmp_path / "opt"
    one, two = unpacked(tmp_path, "9.0.1"), unpacked(tmp_path, "9.0.2")
    install(one, folder)
    with production(tmp_path, release=folder / "current") as installation, load(installation) as clients:
        assert versions(installation) == ["9.0.1", "9.0.1"]
        install(two, folder, "--build-only")
        assert (folder / "current").resolve().name.startswith("9.0.1-")
        install(two, folder)
        assert versions(installation) == ["9.0.1", "9.0.1"]
        restart(folder, installation)
        assert versions(installation) == ["9.0.2", "9.0.2"]
        install(two, folder, "--back")
        restart(folder, installation)
        assert versions(installation) == ["9.0.1", "9.0.1"]
        clients.wait_for(REQUESTS)
    assert clients.outcomes.keys() == {"200"}, clients.outcomes
