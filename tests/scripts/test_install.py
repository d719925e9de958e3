"""The folder of releases that ./scripts/install keeps. tests/slow/ installs whole versions."""

import os
import pwd
import re
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


def archive(folder: Path, version: str = "1.2.3") -> Source:
    folder.mkdir()
    (folder / "pyproject.toml").write_text(f'[project]\nversion = "{version}"\n')
    return Source(folder)


def test_an_archive_is_named_by_its_version_and_files(tmp_path: Path) -> None:
    source = archive(tmp_path / "source")
    name = source.name
    assert re.fullmatch(r"1\.2\.3-[0-9a-f]{12}", name)
    for made in (".venv", "var", "__pycache__", ".mypy_cache"):
        (source.path / made).mkdir()
        (source.path / made / "file").write_text("made by a command")
    assert source.name == name
    (source.path / "file").write_text("of the version")
    assert source.name != name


def test_what_commands_made_in_an_archive_is_not_copied(tmp_path: Path) -> None:
    source = archive(tmp_path / "source")
    (source.path / "scripts").mkdir()
    (source.path / "scripts" / "admin").touch(mode=0o755)
    (source.path / "var").mkdir()
    (source.path / "var" / "file").touch()
    source.copy_to(tmp_path / "copy")
    assert sorted(path.name for path in (tmp_path / "copy").rglob("*")) == ["admin", "pyproject.toml", "scripts"]
    assert os.access(tmp_path / "copy" / "scripts" / "admin", os.X_OK)


def test_the_last_commit_of_a_clone_is_installed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source = archive(tmp_path / "clone")
    who = ["-c", "user.name=a", "-c", "user.email=a@example.com"]
    for command in (["init", "-q"], ["add", "."], [*who, "commit", "-q", "-m", "x"], ["rev-parse", "HEAD"]):
        result = subprocess.run(["/usr/bin/git", *command], cwd=source.path, check=True, capture_output=True, text=True)
    clone = Source(source.path)
    assert clone.name == f"1.2.3-{result.stdout[:12]}"
    (clone.path / "new").touch()
    clone.copy_to(tmp_path / "copy")
    assert [path.name for path in (tmp_path / "copy").iterdir()] == ["pyproject.toml"]
    assert capsys.readouterr().out == "Changes that are not committed are not installed.\n"


def install(*arguments: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run([str(ROOT / "scripts" / "install"), *arguments], check=False, capture_output=True, text=True)
