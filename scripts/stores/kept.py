"""Stores that outlive a run of tests: `./scripts/test --keep`.

A process of its own keeps them, and ends half an hour after the last run. A migration that has changed gets new stores.
"""

import fcntl
import hashlib
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from conf.settings import ROOT
from scripts.stores.private_servers import START_TIMEOUT_S, ServerError, Urls, private_servers
from scripts.stores.processes import Pause, Signals, Stopped

_FOLDER = ROOT / "var"
_KEPT_S = 1800
_POLL_S = 0.05


@contextmanager
def kept_servers(pause: Pause) -> Iterator[Urls]:
    """Stores of an earlier run, or new ones. Raises ServerError while another run uses them."""
    folder = _FOLDER / f"kept-{_migrations()}"
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    with (folder / "in-use").open("w") as in_use:
        try:
            fcntl.flock(in_use, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise ServerError("Another run uses the kept stores; start this one without --keep.") from None
        if _is_kept(folder):
            _urls(folder).touch()
        else:
            _start_keeper(folder, pause)
        try:
            yield Urls(**json.loads(_urls(folder).read_text()))
        finally:
            _urls(folder).touch()


def keep(folder: Path) -> int:
    """Keep stores in the folder until nobody has used them for long; the exit code of the keeper."""
    signals = Signals()
    try:
        with (folder / "kept").open("w") as kept, private_servers(folder, durable=False, pause=signals.pause) as urls:
            _urls(folder).write_text(json.dumps(vars(urls)))
            (folder / "pid").write_text(str(os.getpid()))
            fcntl.flock(kept, fcntl.LOCK_EX)
            while time.time() - _urls(folder).stat().st_mtime < _KEPT_S or _is_locked(folder / "in-use"):
                signals.pause(1)
    except Stopped:
        pass
    except ServerError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


def _migrations() -> str:
    """A name for the present migrations: tables that others have made would not fit."""
    digest = hashlib.sha256()
    for path in sorted((ROOT / "models" / "migrations").glob("*.sql")):
        digest.update(path.name.encode() + path.read_bytes())
    return digest.hexdigest()[:12]


def _urls(folder: Path) -> Path:
    return folder / "urls.json"


def _is_kept(folder: Path) -> bool:
    """True while a keeper runs, which holds this lock."""
    return _is_locked(folder / "kept")


def _is_locked(path: Path) -> bool:
    with path.open("a") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False


def _start_keeper(folder: Path, pause: Pause) -> None:
    """Start a keeper that outlives this process, and return when its stores are ready."""
    command = ["setsid", "--fork", sys.executable, "-m", "scripts.stores.kept", str(folder)]
    errors = folder / "errors"
    with errors.open("w") as output:
        subprocess.run(command, cwd=ROOT, stdout=output, stderr=output, check=True)
    deadline = time.monotonic() + START_TIMEOUT_S
    while not _is_kept(folder):
        if errors.stat().st_size or time.monotonic() > deadline:
            raise ServerError(f"The kept stores do not start. {errors.read_text()}")
        pause(_POLL_S)


if __name__ == "__main__":
    os.umask(0o077)
    sys.exit(keep(Path(sys.argv[1])))
