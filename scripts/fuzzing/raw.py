"""Strategies for bytes that are nearly HTTP: the table of tests/transport and calls of users, cut and glued."""

from typing import NamedTuple

from hypothesis import strategies as st

from tests.transport.raw_requests import CASES

_TABLE = [case.data for case in CASES.values()]
_MAX_EDITS = 4
_PIECES = [
    *(b"\r\n", b"\n", b"\r", b"\0", b" ", b"\t", b":", b";", b",", b"0", b"\xff", b"\x0b", b"{", b"}", b'"'),
    *(b"\r\n\r\n", b"0\r\n\r\n", b"5\r\nhello\r\n", b"Content-Length: 5\r\n", b"Content-Length: 0\r\n"),
    *(b"Transfer-Encoding: chunked\r\n", b"Transfer-Encoding: identity\r\n", b"Connection: close\r\n"),
    *(b"Connection: Upgrade\r\nUpgrade: h2c\r\n", b"Expect: 100-continue\r\n", b"Host: y\r\n", b" HTTP/1.0\r\n"),
    *(b"Accept-Encoding: gzip\r\n", b"X-Request-Id: forged\r\n", b"Origin: null\r\n", b"../", b"%00", b"//"),
]


class Edit(NamedTuple):
    """At a place (0 to 1 of the length), replace so many bytes with others."""

    place: float
    removed: int
    added: bytes

    def apply(self, data: bytes) -> bytes:
        """The changed bytes."""
        start = int(self.place * len(data))
        return data[:start] + self.added + data[start + self.removed :]


edits = st.lists(
    st.builds(
        Edit, st.floats(0, 1), st.sampled_from([0, 0, 1, 2, 16, 300]), st.sampled_from(_PIECES) | st.binary(max_size=8)
    ),
    max_size=_MAX_EDITS,
)
table = st.lists(st.sampled_from(_TABLE), min_size=1, max_size=3).map(b"".join)
"""One to three cases of the table, one behind the other."""
cuts = st.lists(st.floats(0, 1), max_size=4)
"""Places at which bytes are cut into pieces."""


def edited(data: bytes, changes: list[Edit]) -> bytes:
    """The bytes after all changes."""
    for change in changes:
        data = change.apply(data)
    return data


def in_pieces(data: bytes, places: list[float]) -> list[bytes]:
    """The bytes, cut."""
    starts = sorted({0, *(int(place * len(data)) for place in places)})
    return [data[start:end] for start, end in zip(starts, [*starts[1:], len(data)], strict=True)]
