"""JSON on the wire (RFC 8259): pydantic_core's parser reads, ujson writes."""

import json
from typing import Any, NoReturn

import ujson
from pydantic_core import from_json


def decode(raw: bytes) -> Any:
    """The value of a JSON text in UTF-8. Raises ValueError when the text is not JSON.

    A string may hold lone surrogates, which an escape can name and UTF-8 cannot encode: the rules for parameters
    refuse them by field.
    """
    try:
        # A cache of values costs more than it saves: userids, times and URLs hardly repeat.
        return from_json(raw, allow_inf_nan=False, cache_strings="keys")
    except ValueError:
        return _second_opinion(raw)


def encode(value: Any) -> bytes:
    """Compact JSON in UTF-8. Neither `\\u` nor `\\/` escapes appear in it."""
    return ujson.dumps(value, ensure_ascii=False, escape_forward_slashes=False, allow_nan=False).encode()


def _second_opinion(raw: bytes) -> Any:
    # pydantic_core also refuses lone surrogates, which RFC 8259 section 8.2 allows.
    try:
        return json.loads(raw.decode(), parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as error:
        raise ValueError("not JSON") from error


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")
