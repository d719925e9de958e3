"""Header fields behave as Tornado's do."""

from typing import Any

import pytest
from tornado.httputil import HTTPHeaders

from handlers.transport.headers import Headers


def both(*fields: tuple[str, str]) -> tuple[HTTPHeaders, Headers]:
    """The same fields in Tornado's class and in ours."""
    theirs, ours = HTTPHeaders(), Headers()
    for name, value in fields:
        theirs.add(name, value)
        ours.add(name, value)
    return theirs, ours


FIELDS = (("content-type", "a"), ("ACCEPT", "b"), ("Set-Cookie", "c=1"), ("set-cookie", "d=2"), ("X-a-B", ""))


@pytest.mark.parametrize(
    "change",
    [
        lambda headers: None,
        lambda headers: headers.add("accept", "more"),
        lambda headers: headers.update({"accept": "other"}),
        lambda headers: headers.pop("set-cookie"),
        lambda headers: headers.pop("nothing", None),
        lambda headers: headers.setdefault("Accept", "default"),
        lambda headers: headers.__setitem__("SET-COOKIE", "one"),
        lambda headers: headers.__delitem__("accept"),
        lambda headers: headers.clear(),
        lambda headers: headers.parse_line("X-New: 1"),
    ],
)
def test_every_method_does_what_tornados_does(change: Any) -> None:
    theirs, ours = both(*FIELDS)
    for headers in (theirs, ours):
        change(headers)
    assert dict(ours) == dict(theirs)
    assert list(ours.get_all()) == list(theirs.get_all())
    assert list(ours) == list(theirs)
    assert len(ours) == len(theirs)
    assert str(ours) == str(theirs)
    for name in ("accept", "Set-Cookie", "x-A-b", "missing"):
        assert ours.get_list(name) == theirs.get_list(name)
        assert ours.get(name) == theirs.get(name)
        assert (name in ours) == (name in theirs)
    with pytest.raises(KeyError):
        ours["missing"]


def test_a_copy_changes_by_itself() -> None:
    _, ours = both(*FIELDS)
    copy = ours.copy()
    assert copy == ours
    copy.add("Set-Cookie", "e=3")
    copy["Accept"] = "z"
    assert ours.get_list("set-cookie") == ["c=1", "d=2"]
    assert ours["accept"] == "b"
