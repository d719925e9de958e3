"""Keys of rows, by the thousand.

MariaDB reads a whole table for `(a, b) IN ((%s, %s), …)`. A join with the table that JSON_TABLE makes uses its index.
"""

import json
from collections.abc import Iterable
from typing import NamedTuple

KEYS = """
JSON_TABLE(%s, '$[*]' COLUMNS (
  userid VARCHAR(50) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin PATH '$[0]',
  detail VARCHAR(150) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin PATH '$[1]'
)) k
"""
"""A table `k` for FROM. Its argument is `as_json(keys)`."""


class Key(NamedTuple):
    """The primary key of a user's row. `detail` is its second column as text, "" without one."""

    userid: str
    detail: str = ""


def as_json(keys: Iterable[Key]) -> str:
    """The argument of `KEYS`."""
    return json.dumps(list(keys))
