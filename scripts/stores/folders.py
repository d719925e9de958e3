"""Folders that exist only for a run, so that runs share no data with each other or with the server."""

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def fresh_folder(parent: Path, prefix: str = "run-") -> Iterator[Path]:
    """A new folder in `parent`, which is made if it is missing. It goes at the end of the block."""
    parent.mkdir(parents=True, exist_ok=True)
    folder = Path(tempfile.mkdtemp(prefix=prefix, dir=parent))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
