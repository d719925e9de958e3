"""Accepts the connections that wait at a listening socket."""

import asyncio
import errno
import socket
from collections.abc import Callable

import structlog

log = structlog.get_logger()

# In one iteration of the event loop. The workers of supervisor share a socket: the one that wakes first must not take a
# whole burst.
_BATCH = 4
_MAX_WAITING = 4096  # at a stop: more than a queue holds, however many go on connecting
_RETRY_S = 1
_NO_RESOURCES = {errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM}


class Acceptor:
    """Gives each connection of a listening socket, with the address of its client, to a function.

    The event loops' own servers accept whatever waits, and the connection is theirs. Here it can be refused at once.
    """

    def __init__(self, listening: socket.socket, take: Callable[[socket.socket, str], None]) -> None:
        self._listening = listening
        self._take = take
        self._loop = asyncio.get_running_loop()
        self._retry: asyncio.TimerHandle | None = None
        self._watch()

    def close(self) -> None:
        """Accept who has connected already, then close: a socket that closes resets the connections in its queue."""
        self._stop_watching()
        for _ in range(_MAX_WAITING):
            if not self._accept():
                break
        self._stop_watching()
        self._listening.close()

    def _watch(self) -> None:
        self._retry = None
        self._loop.add_reader(self._listening, self._accept_some)

    def _stop_watching(self) -> None:
        self._loop.remove_reader(self._listening)
        if self._retry is not None:
            self._retry.cancel()

    def _accept_some(self) -> None:
        for _ in range(_BATCH):
            if not self._accept():
                return

    def _accept(self) -> bool:
        """Accept a connection; False when none waits."""
        try:
            accepted, address = self._listening.accept()
        except BlockingIOError:
            return False
        except OSError as error:
            if error.errno in _NO_RESOURCES:
                self._pause(error)
                return False
            return True  # its client has left: accept(2) passes errors of the connection on
        accepted.setblocking(False)
        self._take(accepted, address[0] if isinstance(address, tuple) else "")
        return True

    def _pause(self, error: OSError) -> None:
        """Wait for resources: the connection stays in the queue, and each iteration would fail in the same way."""
        log.error("connections not accepted", error=str(error))
        self._stop_watching()
        self._retry = self._loop.call_later(_RETRY_S, self._watch)
