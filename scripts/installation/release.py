"""A release: the files of a version and a virtual environment of its own."""

import hashlib
import os
import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Sequence
from pathlib import Path

from scripts.installation.folder import InstallError

_COMPLETE = ".complete"  # exists in a release that has passed its checks
_MADE = re.compile(r"\.venv|var|__pycache__|\..*_cache|\.coverage.*")  # .gitignore says the same


class Source:
    """The version to install: a clone, of which the last commit is installed, or an unpacked archive."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._is_clone = (path / ".git").exists()

    @property
    def name(self) -> str:
        """The version with the commit, or with a digest of the files of an archive."""
        version = tomllib.loads((self.path / "pyproject.toml").read_text())["project"]["version"]
        commit = self._git("rev-parse", "HEAD").decode() if self._is_clone else self._digest()
        return f"{version}-{commit[:12]}"

    def copy_to(self, folder: Path) -> None:
        """Copy the files of the version into a new folder."""
        if not self._is_clone:
            for file in self._files():
                (folder / file).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(self.path / file, folder / file)
            return
        if self._git("status", "--porcelain"):
            print("Changes that are not committed are not installed.")
        folder.mkdir()
        run(["tar", "--extract"], cwd=folder, input_=self._git("archive", "HEAD"))

    def _files(self) -> list[Path]:
        """The files of an archive, without those that commands made in it."""
        files = sorted(path.relative_to(self.path) for path in self.path.rglob("*") if path.is_file())
        return [file for file in files if not any(map(_MADE.fullmatch, file.parts))]

    def _digest(self) -> str:
        digest = hashlib.sha256()
        for file in self._files():
            content = (self.path / file).read_bytes()
            digest.update(f"{file}\0{len(content)}\0".encode() + content)
        return digest.hexdigest()

    def _git(self, *arguments: str) -> bytes:
        # Root may install from the clone of another user, which git refuses by default.
        command = ["git", "-c", f"safe.directory={self.path}", *arguments]
        return run(command, cwd=self.path, stdout=subprocess.PIPE).stdout


def build(source: Source, releases: Path) -> Path:
    """Build and check a release, unless it is there already; its folder."""
    release = releases / source.name
    if (release / _COMPLETE).exists():
        return release
    shutil.rmtree(release, ignore_errors=True)  # an interrupted installation
    print(f"Copying the files to {release} …", flush=True)
    source.copy_to(release)
    print("Installing the requirements …", flush=True)
    install_requirements(release)
    print("Checking …", flush=True)
    check(release)
    (release / _COMPLETE).touch()
    return release


def install_requirements(release: Path) -> None:
    """Make the virtual environment. It cannot be made elsewhere and moved: its programs name its path."""
    run([sys.executable, "-m", "venv", ".venv"], cwd=release)
    pip = [".venv/bin/python", "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    run([*pip, "--require-hashes", "--requirement", "requirements.txt"], cwd=release)


def check(release: Path) -> None:
    """Compile the modules, which the server's user may not write, and start the server's command line."""
    packages = sorted(path.parent.name for path in release.glob("*/__init__.py"))
    run([".venv/bin/python", "-m", "compileall", "-q", "main.py", *packages], cwd=release)
    run([".venv/bin/python", "main.py", "--help"], cwd=release, stdout=subprocess.DEVNULL)


def run(
    command: Sequence[str], *, cwd: Path, stdout: int | None = None, input_: bytes | None = None
) -> "subprocess.CompletedProcess[bytes]":
    """Run a command without the server's settings. Raises InstallError when it fails; it has printed why."""
    env = {name: value for name, value in os.environ.items() if not name.startswith("XZB_")}
    try:
        return subprocess.run(command, cwd=cwd, env=env, stdout=stdout, input=input_, check=True)
    except subprocess.CalledProcessError:
        raise InstallError(f"`{' '.join(command)}` failed in {cwd}") from None
