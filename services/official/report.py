"""The report of an import: how many rows of each table went which way, and why."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

_MAX_EXAMPLES = 5


@dataclass
class TableReport:
    """The rows of one table of the source. Each is read, and then imported, imported before, or skipped."""

    present: bool = False
    """False when the source has no such table."""
    read: int = 0
    imported: int = 0
    imported_before: int = 0
    completed: int = 0
    """Replays imported before, of which the source has an address by now that was missing."""
    skipped: Counter[str] = field(default_factory=Counter)
    changed: Counter[str] = field(default_factory=Counter)
    """Values of imported rows that did not fit and were replaced."""
    examples: dict[str, list[str]] = field(default_factory=dict)
    """The keys of some rows for each reason."""
    warnings: list[str] = field(default_factory=list)

    def skip(self, reason: str, key: str) -> None:
        """Count a skipped row."""
        self.skipped[reason] += 1
        self._example(reason, key)

    def change(self, changes: Iterable[str], key: str) -> None:
        """Count the changes of an imported row."""
        for change in changes:
            self.changed[change] += 1
            self._example(change, key)

    def _example(self, reason: str, key: str) -> None:
        examples = self.examples.setdefault(reason, [])
        if len(examples) < _MAX_EXAMPLES:
            examples.append(key)


@dataclass
class Report:
    """`source` is the name of the database. A `dry_run` has written nothing, and says what an import would do."""

    source: str
    dry_run: bool
    tables: dict[str, TableReport] = field(default_factory=dict)

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {
            "source": self.source,
            "dry_run": self.dry_run,
            "tables": {name: vars(table) for name, table in self.tables.items()},
        }
