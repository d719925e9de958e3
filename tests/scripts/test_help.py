"""Every command explains itself, without installing, checking or starting anything."""

import subprocess

import pytest

from conf.settings import ROOT

COMMANDS = sorted(path.name for path in (ROOT / "scripts").iterdir() if path.is_file() and path.suffix == "")
INTERNAL = {"find_python", "help"}


@pytest.mark.parametrize("name", [name for name in COMMANDS if name not in INTERNAL])
def test_a_command_has_a_help_of_its_own(name: str) -> None:
    ended = subprocess.run([ROOT / "scripts" / name, "--help"], cwd="/", capture_output=True, text=True, check=False)
    assert (ended.returncode, ended.stderr) == (0, "")
    assert f"scripts/{name}" in ended.stdout
    assert ("main.py" in ended.stdout) is (name == "server")
