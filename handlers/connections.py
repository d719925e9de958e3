"""Connections with fewer system calls: what Tornado turns off and on around every request stays on."""

from typing import Any

from tornado.platform.asyncio import AsyncIOMainLoop, BaseAsyncIOLoop


class SteadyLoop(BaseAsyncIOLoop):
    """Goes on listening to a connection while a request of it is read and served.

    Tornado stops while something is left in its buffer, and then listens again to notice a client that leaves: two
    system calls with epoll, and six or more with libuv, which gives up its handle with the last interest in a socket.
    What a client sends meanwhile waits in Tornado's buffer instead of the socket's, as far as the limit allows.
    """

    def update_handler(self, fd: Any, events: int) -> None:
        number, _ = self.split_fd(fd)
        super().update_handler(fd, events | self.READ if number in self.readers else events)


class SteadyMainLoop(SteadyLoop, AsyncIOMainLoop):
    """The one of a process, made before anything asks for Tornado's current loop."""
