"""A snapshot knows whether a page that was rendered with it is still right."""

import pytest

from services.snapshot import Feed, Snapshot, is_current

ONE, TWO = b"version1", b"version2"


def snapshot(version: bytes, log: bytes) -> Snapshot:
    return bytes(8) + version + log


@pytest.mark.parametrize(
    ("earlier", "later", "current"),
    [
        (b"", b"", True),
        (None, None, False),
        (None, b"", False),
        (b"", None, False),
        (b"", snapshot(ONE, b""), False),
        (snapshot(ONE, b""), b"", False),
        (snapshot(ONE, b"a.1;"), snapshot(ONE, b"a.1;"), True),
        (snapshot(ONE, b"a.1;"), snapshot(TWO, b"a.1;"), False),
        (snapshot(ONE, b"a.1;"), snapshot(ONE, b"a.1;b.2;"), True),
        (snapshot(ONE, b"b.1;"), snapshot(ONE, b"b.1;c.2;d.3;"), True),
        (snapshot(ONE, b"b.1;"), snapshot(ONE, b"b.1;c.2;a.3;b.4;"), False),
        (snapshot(ONE, b"aa.1;"), snapshot(ONE, b"aa.1;aa.2;"), True),
        (snapshot(ONE, b"b.1;"), snapshot(ONE, b"c.2;d.3;"), False),  # b.1 has left the log, and who knows what else
        (snapshot(ONE, b"b.1;"), snapshot(ONE, b""), False),
        (snapshot(ONE, b""), snapshot(ONE, b"b.1;"), False),
    ],
)
def test_a_page_is_current_until_its_list_or_an_author_changes(
    earlier: Snapshot, later: Snapshot, current: bool
) -> None:
    assert is_current(earlier, later, Feed.UGC, {"a"}) is current


def test_the_version_of_another_list_does_not_matter() -> None:
    earlier, later = ONE + TWO, TWO + TWO
    assert is_current(earlier, later, Feed.UGC, set())
    assert not is_current(earlier, later, Feed.REPLAYS, set())
