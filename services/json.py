"""JSON on the wire: ujson for its speed, made as strict as RFC 8259."""

import json
import re
from typing import Any, NoReturn

import ujson

# What ujson accepts and RFC 8259 does not, found in the raw bytes: control characters inside strings, NaN and
# Infinity, leading zeros, a minus or a point without digits. A hit proves nothing (all of it may stand inside a
# string): it only sends the text to the standard library's strict parser. That costs, so digits count only where a
# number may begin and end, and not in `ap-guangzhou` or `/f0.mp4`.
# Every alternative begins with a character of its own, and looks behind afterwards: so the search skips all others.
_LAX = re.compile(
    rb"[\x00-\x1f]|NaN|Infinity|0(?<![^\s:,\[]0)[0-9]|-(?<![^\s:,\[]-)(?!0(?![0-9])|[1-9])"
    rb"|\.(?<=[0-9]\.)(?=[\s,}\]eE]|$)"
)


def loads(raw: bytes) -> Any:
    """The value that JSON text in UTF-8 stands for. Raises ValueError when the text is not JSON.

    Escapes may make texts of lone surrogates, which cannot be encoded: `handlers.schemas` lets none through.
    """
    try:
        text = raw.decode()
        value = ujson.loads(text)
        if _LAX.search(raw):
            value = json.loads(text, parse_constant=_refuse_constant)
    except (ValueError, OverflowError, RecursionError) as error:
        raise ValueError("not JSON") from error
    return value


def dumps(value: Any) -> bytes:
    """Compact JSON in UTF-8, with neither `\\u` nor `\\/` escapes."""
    return ujson.dumps(value, ensure_ascii=False, escape_forward_slashes=False, allow_nan=False).encode()


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")
