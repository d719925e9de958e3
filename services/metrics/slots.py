"""Slots: the files in which the workers of a server put their numbers, so that any of them can answer for all.

A slot belongs to the process that holds its lock (flock(2)), which ends with the process. The next process continues
from the numbers in it: sums over all slots never go down, and Prometheus sees no reset when a worker is replaced.
"""

import fcntl
import os
import zlib
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple, Self

from services import wire
from services.metrics.families import Samples, Schema

Snapshot = Mapping[str, tuple[Schema, Samples]]
"""The schema and the numbers of each family, by its name."""

_MAX_SLOTS = 1024
_HEADER_BYTES = len(b"00000000 00000000\n")  # the length and the CRC-32 of the rest
_READ_TRIES = 10  # a reader may meet a writer, which is done within microseconds


class Found(NamedTuple):
    """A slot as another process sees it. It has no snapshot when it cannot be read."""

    name: str
    held: bool
    snapshot: Snapshot | None


class Slot:
    """The slot of this process."""

    def __init__(self, number: int, descriptor: int) -> None:
        self.number = number
        self._descriptor = descriptor

    @classmethod
    def claim(cls, folder: Path) -> Self:
        """The first slot that no process holds. Raises OSError when the folder cannot be used."""
        folder.mkdir(parents=True, exist_ok=True)
        for number in range(_MAX_SLOTS):
            descriptor = lock(_path(folder, number))
            if descriptor is not None:
                return cls(number, descriptor)
        raise OSError(f"all {_MAX_SLOTS} slots are in use")

    def read(self) -> Snapshot:
        """The numbers in it, none in a new one. Raises ValueError when the file holds anything else."""
        return _read(self._descriptor) if os.fstat(self._descriptor).st_size else {}

    def write(self, snapshot: Snapshot) -> None:
        """Replace the numbers. In place: a new file each second would make the disk work. Raises OSError."""
        content = {name: (schema, list(samples.items())) for name, (schema, samples) in snapshot.items()}
        body = wire.encode(content)
        os.pwrite(self._descriptor, b"%08x %08x\n" % (len(body), zlib.crc32(body)) + body, 0)

    def close(self) -> None:
        """Leave the slot to another process."""
        os.close(self._descriptor)


def others(folder: Path, own: int) -> list[Path]:
    """The files of all slots but our own."""
    return [path for path in folder.glob("worker-*") if path != _path(folder, own)]


def look_at(path: Path) -> Found:
    """The slot in a file. Raises OSError."""
    with path.open("rb") as file:
        snapshot = None
        with suppress(ValueError):
            snapshot = _read(file.fileno())
        return Found(path.name, _is_locked(file.fileno()), snapshot)


def lock(path: Path) -> int | None:
    """The descriptor of the file, locked for as long as it is open; None when a process holds it. Raises OSError."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        return None
    return descriptor


def _path(folder: Path, number: int) -> Path:
    return folder / f"worker-{number}"


def _is_locked(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    return False


def _read(descriptor: int) -> Snapshot:
    for _ in range(_READ_TRIES):
        content = os.pread(descriptor, os.fstat(descriptor).st_size, 0)
        length, checksum = (int(number, 16) for number in content[:_HEADER_BYTES].split())
        body = content[_HEADER_BYTES : _HEADER_BYTES + length]
        if zlib.crc32(body) == checksum:
            return _decode(body)
    raise ValueError("the checksum is wrong")


def _decode(body: bytes) -> Snapshot:
    try:
        return {
            name: (schema, {tuple(labels): numbers for labels, numbers in samples})
            for name, (schema, samples) in wire.decode(body).items()
        }
    except (AttributeError, TypeError) as error:
        raise ValueError("not the numbers of a worker") from error
