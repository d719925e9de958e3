"""The folder of releases that ./scripts/install keeps. tests/slow/ installs whole versions."""

import os
import pwd
import subprocess
from pathlib import Path

import pytest

from conf.settings import ROOT
from scripts.installation.folder import Folder, InstallError
from scripts.installation.release import Source

ME = pwd.getpwuid(os.geteuid()).pw_name


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    folder = Folder(tmp_path / "xiaozhibo")
    folder.prepare(ME)
    return folder


def release(folder: Folder, name: str) -> Path:
    path = folder.releases / name
    path.mkdir()
    return path


def names(folder: Folder) -> set[str]:
    return {path.name for path in folder.releases.iterdir() if path.is_dir()}


def test_a_switch_remembers_the_version_before(folder: Folder) -> None:
    one, two = release(folder, "1"), release(folder, "2")
    folder.switch(one)
    folder.switch(two)
    assert (folder.release("current"), folder.release("previous")) == (two, one)


def test_going_back_twice_is_going_forward(folder: Folder) -> None:
    one, two = release(folder, "1"), release(folder, "2")
    folder.switch(one)
    folder.switch(two)
    folder.go_back()
    assert (folder.release("current"), folder.release("previous")) == (one, two)
    folder.go_back()
    assert (folder.release("current"), folder.release("previous")) == (two, one)


def test_a_second_installation_of_the_current_version_keeps_the_previous_one(folder: Folder) -> None:
    one, two = release(folder, "1"), release(folder, "2")
    for version in (one, two, two):
        folder.switch(version)
    assert folder.release("previous") == one


def test_there_is_no_way_back_from_the_first_version(folder: Folder) -> None:
    folder.switch(release(folder, "1"))
    with pytest.raises(InstallError, match="there is no previous version"):
        folder.go_back()


def test_a_release_that_a_process_runs_from_is_kept(folder: Folder) -> None:
    for name in "1234":
        folder.switch(release(folder, name))
    (folder.releases / "1" / "below").mkdir()
    with subprocess.Popen(["/bin/cat"], cwd=folder.releases / "1" / "below", stdin=subprocess.PIPE):
        folder.remove_old_releases()
        assert names(folder) == {"1", "3", "4"}
    folder.remove_old_releases()
    assert names(folder) == {"3", "4"}


def test_the_links_survive_a_move_of_the_folder(folder: Folder) -> None:
    folder.switch(release(folder, "1"))
    moved = folder.path.rename(folder.path.with_name("moved"))
    assert Folder(moved).release("current") == moved / "releases" / "1"


def test_an_unknown_user_is_refused_before_anything_is_made(tmp_path: Path) -> None:
    result = install("--to", str(tmp_path / "new"), "--user", "no-such-user")
    assert (result.returncode, result.stderr) == (1, "install: there is no user 'no-such-user'\n")
    assert not (tmp_path / "new").exists()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root has to name the server's user")
def test_root_has_to_name_the_servers_user(tmp_path: Path) -> None:
    result = install("--to", str(tmp_path / "new"))
    assert result.returncode == 1
    assert "--user NAME" in result.stderr
    assert not (tmp_path / "new").exists()


def test_a_wrong_option_prints_the_usage() -> None:
    result = install("--folder", "x")
    assert result.returncode == 2
    assert "usage: ./scripts/install" in result.stderr


def test_an_archive_is_named_by_its_version_and_time(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text('[project]\nversion = "1.2.3"\n')
    version, _, moment = Source(tmp_path).name.partition("-")
    assert (version, len(moment), moment.isdigit()) == ("1.2.3", 14, True)


def install(*arguments: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run([str(ROOT / "scripts" / "install"), *arguments], check=False, capture_output=True, text=True)
