"""What the server has acknowledged, and whether MySQL has it."""

import threading
from collections import Counter, defaultdict
from collections.abc import Sequence

from pymysql.cursors import Cursor

_COLUMNS = {"/upload_ugc": "SELECT userid, file_id FROM tb_ugc", "/upload_room": "SELECT userid, title FROM tb_room"}
_NAMES = "/upload_user_info"


class Ledger:
    """The acknowledged writes of all clients."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._rows: defaultdict[str, set[tuple[str, str]]] = defaultdict(set)
        self._tried_names: Counter[str] = Counter()
        self._names: Counter[str] = Counter()

    def next_name(self, userid: str) -> str:
        """A nickname that the user has not had: the names of a user are numbered."""
        with self._lock:
            self._tried_names[userid] += 1
            return f"{userid} {self._tried_names[userid]}"

    def acknowledge(self, path: str, userid: str, key: str) -> None:
        """A write is acknowledged. `key` is its nickname, file_id or title."""
        with self._lock:
            if path == _NAMES:
                self._names[userid] = int(key.split()[1])
            else:
                self._rows[path].add((userid, key))

    def fits(self, userid: str, name: str) -> bool:
        """True for the last acknowledged nickname, or one that was tried later: it may be stored, too."""
        with self._lock:
            number = int(name.split()[1]) if name else 0
            return self._names[userid] <= number <= self._tried_names[userid]

    @property
    def acknowledged(self) -> int:
        """The number of acknowledged rows and nicknames."""
        with self._lock:
            return sum(map(len, self._rows.values())) + len(self._names)

    def found(self, cursor: Cursor) -> int:
        """How many of the acknowledged rows and nicknames MySQL has."""
        found = 0
        for path, sql in _COLUMNS.items():
            cursor.execute(sql)
            found += len(self._rows[path] & _pairs(cursor.fetchall()))
        cursor.execute("SELECT userid, nickname FROM tb_account")
        names = _pairs(cursor.fetchall())
        return found + sum(self.fits(userid, name) for userid, name in names if userid in self._names)


def _pairs(rows: Sequence[tuple[str, ...]]) -> set[tuple[str, str]]:
    return {(userid, key) for userid, key in rows}
