"""The long answers that wait for their readers: a bounded memory, of which the slowest readers are cut off first."""

from collections import Counter
from typing import Generic, TypeVar

R = TypeVar("R")

MAX_UNREAD_BYTES = 128 * 2**20  # of one process


class Unread(Generic[R]):
    """Which reader holds which answer. The readers of one page share its bytes, which count once."""

    def __init__(self) -> None:
        self._answers: dict[R, bytes] = {}  # who has been waiting for longest comes first
        self._readers: Counter[int] = Counter()  # of each answer, by its id
        self.size_bytes = 0
        """Memory of the answers."""

    def add(self, reader: R, answer: bytes) -> None:
        """The reader waits for the rest of the answer."""
        self._answers[reader] = answer
        if not self._readers[id(answer)]:
            self.size_bytes += len(answer)
        self._readers[id(answer)] += 1

    def discard(self, reader: R) -> None:
        """The reader has everything, or has left."""
        answer = self._answers.pop(reader, None)
        if answer is None:
            return
        self._readers[id(answer)] -= 1
        if not self._readers[id(answer)]:
            del self._readers[id(answer)]
            self.size_bytes -= len(answer)

    def pop_excess(self) -> list[R]:
        """Remove the slowest readers until the others hold no more than the limit, and return them."""
        slowest: list[R] = []
        while self.size_bytes > MAX_UNREAD_BYTES:
            slowest.append(next(iter(self._answers)))
            self.discard(slowest[-1])
        return slowest
