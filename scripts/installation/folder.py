"""The folder of releases: its links, its lock, and the removal of old releases."""

import fcntl
import os
import pwd
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path


class InstallError(Exception):
    """The installation cannot be done, for the reason in the message."""


class Folder:
    """A folder that `./scripts/install` made or will make."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.releases = path / "releases"
        self.current = path / "current"
        self.var = path / "var"

    def prepare(self, user: str | None) -> None:
        """Make the folder. Raises InstallError when root names no owner of var/, or one who does not exist."""
        if not self.var.exists() and user is None and os.geteuid() == 0:
            raise InstallError("root names the server's user, to whom var/ will belong: --user NAME")
        owner = _entry(user) if user else None
        self.releases.mkdir(parents=True, exist_ok=True)
        self.var.mkdir(mode=0o750, exist_ok=True)
        if owner is not None:
            os.chown(self.var, owner.pw_uid, owner.pw_gid)

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Wait for other installations into the folder."""
        with (self.releases / ".lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    def release(self, link: str) -> Path:
        """The release that a link names. Raises InstallError when there is none."""
        release = (self.path / link).resolve()
        if release.parent != self.releases or not release.is_dir():
            raise InstallError(f"there is no {link} version in {self.path}")
        return release

    def switch(self, release: Path) -> None:
        """Make a release the current one, and the current one the previous one."""
        with suppress(InstallError):  # the first installation has no current one
            current = self.release("current")
            if current == release:
                return
            self._link("previous", current)
        self._link("current", release)

    def go_back(self) -> None:
        """Exchange the current and the previous release."""
        self.switch(self.release("previous"))

    def remove_old_releases(self) -> None:
        """Remove all releases but the current one, the previous one, and those that a process runs from."""
        kept = {(self.path / "current").resolve(), (self.path / "previous").resolve(), *_working_folders()}
        for release in self.releases.iterdir():
            if release.is_dir() and not any(folder.is_relative_to(release) for folder in kept):
                shutil.rmtree(release)

    def _link(self, name: str, release: Path) -> None:
        """Point a link to a release in one step: a reader sees the old or the new one."""
        new = self.path / f".{name}.new"
        new.unlink(missing_ok=True)
        new.symlink_to(release.relative_to(self.path))
        new.replace(self.path / name)


def _entry(user: str) -> pwd.struct_passwd:
    try:
        return pwd.getpwnam(user)
    except KeyError:
        raise InstallError(f"there is no user {user!r}") from None


def _working_folders() -> Iterator[Path]:
    """The working folders of the processes that this user may look at. A worker's is its release."""
    for link in Path("/proc").glob("[0-9]*/cwd"):
        with suppress(OSError):
            yield link.readlink()
