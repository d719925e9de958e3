"""Servers that can be killed, frozen and started again."""

import os
import signal
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path


class Restartable(ABC):
    """A server as a process."""

    @property
    @abstractmethod
    def pid(self) -> int:
        """Its process."""

    @abstractmethod
    def start(self) -> None:
        """Start it, and return when it serves."""

    @abstractmethod
    def kill(self) -> None:
        """End it at once."""

    @contextmanager
    def killed(self) -> Iterator[None]:
        """It is gone for the duration of the block, and starts again at its end."""
        self.kill()
        yield
        self.start()

    @contextmanager
    def frozen(self) -> Iterator[None]:
        """It neither runs nor ends: what it is sent is accepted by the kernel, and never answered."""
        pid = self.pid
        os.kill(pid, signal.SIGSTOP)
        try:
            yield
        finally:
            os.kill(pid, signal.SIGCONT)


class Store(Restartable):
    """A private server of `scripts.stores.private_servers`, whose files are in `folder`."""

    def __init__(self, folder: Path, run: Callable[[Path], AbstractContextManager[str]]) -> None:
        self.folder = folder
        self.url = ""
        self._run = run
        self._running = ExitStack()

    @property
    def pid(self) -> int:
        return int((self.folder / "pid").read_text())

    def start(self) -> None:
        self.url = self._running.enter_context(self._run(self.folder.parent))

    def stop(self) -> None:
        """Stop it, if it runs."""
        self._running.close()

    def kill(self) -> None:
        os.kill(self.pid, signal.SIGKILL)
        self.stop()
