"""A snapshot knows whether a page that was rendered with it is still right."""

import pytest

from services.snapshot import SNAPSHOT_KEYS, VERSION_KEYS, Feed, Snapshot


def snapshot(version: bytes | None, profiles: bytes | None) -> Snapshot:
    return Snapshot(ugc=version, profiles=profiles)


@pytest.mark.parametrize(
    ("earlier", "later", "current"),
    [
        (Snapshot(), Snapshot(), True),
        (snapshot(b"1", b"a.1;"), snapshot(b"1", b"a.1;"), True),
        (snapshot(b"1", b"a.1;"), snapshot(b"2", b"a.1;"), False),
        (snapshot(b"1", None), Snapshot(), False),
        (snapshot(b"1", b"a.1;"), snapshot(b"1", b"a.1;b.2;"), True),
        (snapshot(b"1", b"b.1;"), snapshot(b"1", b"b.1;c.2;d.3;"), True),
        (snapshot(b"1", b"b.1;"), snapshot(b"1", b"b.1;c.2;a.3;b.4;"), False),
        (snapshot(b"1", b"aa.1;"), snapshot(b"1", b"aa.1;aa.2;"), True),
        (snapshot(b"1", b"b.1;"), snapshot(b"1", b"c.2;d.3;"), False),  # b.1 has left the log, and who knows what else
        (snapshot(b"1", b"b.1;"), snapshot(b"1", None), False),
        (snapshot(b"1", None), snapshot(b"1", b"b.1;"), False),
    ],
)
def test_a_page_is_current_until_its_list_or_an_author_changes(
    earlier: Snapshot, later: Snapshot, current: bool
) -> None:
    assert earlier.is_current_for(later, Feed.UGC, {"a"}) is current


def test_the_version_of_another_list_does_not_matter() -> None:
    assert Snapshot(replays=b"1").is_current_for(Snapshot(replays=b"2"), Feed.UGC, set())
    assert not Snapshot(replays=b"1").is_current_for(Snapshot(replays=b"2"), Feed.REPLAYS, set())


def test_the_keys_are_in_the_order_of_the_fields() -> None:
    values = Snapshot(*(key.encode() for key in SNAPSHOT_KEYS))
    assert {feed: values.version(feed) for feed in Feed} == {feed: key.encode() for feed, key in VERSION_KEYS.items()}
