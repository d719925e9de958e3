"""The time that the present request may still take. Whatever waits for its sake looks here."""

import math
import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar


class Deadline:
    """The end of a request's time, in seconds of `time.monotonic`."""

    __slots__ = ("at", "client_left", "ends_with_client")

    def __init__(self, at: float) -> None:
        self.at = at
        self.client_left = False
        self.ends_with_client = False
        """True while the request does work that is for nothing once its client has left."""


_present: ContextVar[Deadline | None] = ContextVar("deadline", default=None)


def begin(deadline: Deadline | None) -> None:
    """Give the present task this deadline. None is for work of its own, which the end of no request cuts short."""
    _present.set(deadline)


def remaining() -> float:
    """The seconds that are left, infinite without a deadline."""
    deadline = _present.get()
    return math.inf if deadline is None else deadline.at - time.monotonic()


def client_has_left() -> bool:
    """True when nobody waits for the answer any more."""
    deadline = _present.get()
    return deadline is not None and deadline.client_left


@contextmanager
def extended(seconds: float) -> Iterator[None]:
    """Allow so much more time, for work that ends when the client leaves. What it does not take is given back."""
    deadline = _present.get() or Deadline(math.inf)
    started = time.monotonic()
    deadline.at += seconds
    deadline.ends_with_client = True
    try:
        yield
    finally:
        deadline.ends_with_client = False
        deadline.at -= max(seconds - (time.monotonic() - started), 0)
