"""Ports for servers that are started to be tried."""

import random
import socket
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def reserved_port() -> Iterator[int]:
    """A port that no other user of this function takes before a server listens on it.

    Ports from 32768 on may become the client's end of any connection. The reservation is the name of an abstract
    unix socket, which the kernel frees however this process ends.
    """
    for port in random.sample(range(20_000, 32_768), 100):
        with socket.socket(socket.AF_UNIX) as reservation:
            try:
                reservation.bind(f"\0xiaozhibo-{port}")
                socket.create_server(("127.0.0.1", port)).close()  # fails when another program listens
            except OSError:
                continue
            yield port
            return
    raise RuntimeError("100 ports are taken")
