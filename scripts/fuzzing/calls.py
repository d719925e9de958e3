"""Strategies for calls of interfaces: the API description says what is right and, by Schemathesis, what is wrong."""

import hashlib
import json
import time
from functools import cache
from typing import Any, NamedTuple

import schemathesis
from hypothesis import strategies as st
from schemathesis.core import NotSet

from handlers.openapi.document import document

CALLBACK = "/callback/tape_callback"
_DOCUMENT = document()
_METHODS = {path: next(iter(operations)).upper() for path, operations in _DOCUMENT["paths"].items()}
# Without `security`: half of what is wrong would be wrong in its headers, which `visit` makes up.
_SCHEMA = schemathesis.openapi.from_dict(
    {
        **_DOCUMENT,
        "paths": {
            path: {method: {name: part for name, part in operation.items() if name != "security"}}
            for path, operations in _DOCUMENT["paths"].items()
            for method, operation in operations.items()
        },
    }
)
PROTECTED = frozenset(
    path for path, methods in _DOCUMENT["paths"].items() if "security" in next(iter(methods.values()))
)
"""The interfaces for users with a session."""


class Call(NamedTuple):
    """A call before somebody makes it: `body` is bytes, or an object for JSON."""

    path: str
    method: str
    body: Any

    def encoded(self, changes: dict[str, Any] | None = None) -> bytes:
        """The body as bytes. Fields that an object already has, and the userid, can be changed."""
        if isinstance(self.body, bytes):
            return self.body
        body = self.body
        if isinstance(body, dict):
            changes = {name: value for name, value in (changes or {}).items() if name in body or name == "userid"}
            body = {**body, **changes}
        return json.dumps(body, ensure_ascii=False).encode(errors="surrogatepass")


@cache
def calls_of(path: str, mode: schemathesis.GenerationMode) -> st.SearchStrategy[Call]:
    """Calls of an interface with bodies that fit its description, or do not."""
    method = _METHODS[path]
    if method == "GET":
        return st.just(Call(path, method, b""))
    made_up: st.SearchStrategy[Any] = _SCHEMA[path][method].as_strategy(generation_mode=mode)
    return made_up.map(lambda case: Call(path, method, b"" if isinstance(case.body, NotSet) else case.body))


@cache
def spoiled_calls_of(path: str) -> st.SearchStrategy[Call]:
    """Right calls of an interface with one field spoiled."""
    return st.builds(spoiled, calls_of(path, _RIGHT), st.integers(0, 9), _VALUES)


def spoiled(call: Call, number: int, value: Any) -> Call:
    """The call with another value in one of its fields."""
    if not isinstance(call.body, dict) or not call.body:
        return call._replace(body=value)
    name = sorted(call.body)[number % len(call.body)]
    return call._replace(body={**call.body, name: value})


@cache
def right_or_wrong(path: str) -> st.SearchStrategy[Call]:
    """Calls of an interface, most of which do not fit its description."""
    spoiled_ones = spoiled_calls_of(path)
    return st.one_of(calls_of(path, _RIGHT), calls_of(path, _WRONG), spoiled_ones, spoiled_ones)


_RIGHT = schemathesis.GenerationMode.POSITIVE
_WRONG = schemathesis.GenerationMode.NEGATIVE
_VALUES = st.one_of(
    st.none() | st.booleans() | st.integers() | st.floats(),
    st.text(),
    st.text("a", min_size=140, max_size=520),
    st.sampled_from(
        ["", " ", "0", "-1", "1e400", "\0", "\ud800", "\u202e", "' OR 1=1 -- ", "%s", "${7*7}", "<script>", "../"]
    ),
    st.sampled_from([2**31, 2**63, 2**64, 10**400, -(2**63) - 1, 1e308, [], {}, [[]] * 100]),
)
any_call = st.sampled_from(list(_METHODS)).flatmap(right_or_wrong)
right_call = st.sampled_from(sorted(PROTECTED)).flatmap(lambda path: calls_of(path, _RIGHT))
event = right_or_wrong(CALLBACK)


def signature(key: str, *, wrong: bool = False) -> dict[str, Any]:
    """The fields that sign an event of the live service (decisions, section 6)."""
    t = int(time.time()) + 600
    return {"t": t, "sign": hashlib.md5(f"{key}{t + wrong}".encode()).hexdigest()}  # noqa: S324 - Tencent's formula
