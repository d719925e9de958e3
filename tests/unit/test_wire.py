"""services.wire accepts exactly the JSON of RFC 8259; the standard library is the oracle."""

import json
from collections.abc import Callable
from typing import TypeVar

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services import wire

T = TypeVar("T", str, bytes)
texts = st.text(st.characters(exclude_categories=["Cs"]))
escaped = st.text(st.sampled_from("aé\ud83d\ude00\ud800\udfff"))
values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | texts,
    lambda inner: st.lists(inner) | st.dictionaries(texts, inner),
    max_leaves=8,
)
SNIPPETS = [
    "NaN",
    "-Infinity",
    "01",
    "-01",
    "-",
    "-0",
    "00",
    "1.",
    "1.e5",
    "1.x",
    ".5",
    "+1",
    "1e5",
    "\n",
    "\t",
    "\\ud800",
    "\\ud83d\\ude00",
    "0",
    "\\u0000",
    ",",
    '"',
    "{",
    "]",
]


def strict(text: str) -> object:
    """The standard library's result without its extensions of RFC 8259."""

    def refuse(name: str) -> None:
        raise ValueError(name)

    return json.loads(text, parse_constant=refuse)


def outcome(parse: Callable[[T], object], text: T) -> object:
    try:
        return parse(text)
    except ValueError:
        return ValueError


@given(values, st.booleans())
@settings(max_examples=300, deadline=None)
def test_every_value_survives(value: object, escaped: bool) -> None:
    assert wire.decode(json.dumps(value, ensure_ascii=escaped).encode()) == value
    assert wire.decode(wire.encode({"value": value})) == {"value": value}


@given(escaped)
@settings(max_examples=300, deadline=None)
def test_escaped_surrogates_are_read_as_the_standard_library_reads_them(text: str) -> None:
    raw = json.dumps({text: text})
    assert wire.decode(raw.encode()) == json.loads(raw)


@given(values, st.integers(0, 200), st.sampled_from(SNIPPETS))
@settings(max_examples=300, deadline=None)
def test_damaged_json_is_judged_as_the_standard_library_does(value: object, at: int, snippet: str) -> None:
    text = json.dumps(value, ensure_ascii=False)
    damaged = text[:at] + snippet + text[at:]
    assert outcome(wire.decode, damaged.encode()) == outcome(strict, damaged)


@pytest.mark.parametrize(
    "raw", [b"", b" ", b"\xef\xbb\xbf{}", b'"\xff"', b'"\x00"', b"[" * 2000, b"[1,]", b"{1:2}", b"9" * 5000, b"tru"]
)
def test_invalid_json_is_refused(raw: bytes) -> None:
    with pytest.raises(ValueError, match="not JSON"):
        wire.decode(raw)


def test_valid_json_is_parsed_once(monkeypatch: pytest.MonkeyPatch) -> None:
    raw = json.dumps({"text": "深圳", "number": -1.5, "zero": [0, -0.5]}, ensure_ascii=False).encode()
    monkeypatch.delattr("json.loads")
    assert wire.decode(raw) == {"text": "深圳", "number": -1.5, "zero": [0, -0.5]}
