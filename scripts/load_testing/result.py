"""The result of a load test: the table, and the verdict."""

import json
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table

TOTAL = "Aggregated"  # Locust's name of the last row


@dataclass(frozen=True)
class Row:
    """The requests to one interface. The rate is requests/s, from the first to the last."""

    name: str
    requests: int
    failures: int
    rate: float
    mean_ms: float
    p50_ms: float
    p95_ms: float
    p99_ms: float
    max_ms: float


@dataclass(frozen=True)
class Result:
    """The rows by interface, and what went wrong."""

    rows: list[Row]
    failures: list[tuple[str, str, int]]
    """Interface, code and message, occurrences."""
    exceptions: list[tuple[str, int]]
    """Faults of the journeys themselves: message, occurrences."""
    late_p50_ms: float
    late_p99_ms: float
    """The lateness of Locust's own processes, which the latencies include (lateness.py)."""

    @property
    def total(self) -> Row | None:
        """All requests together; None when there were none."""
        return next((row for row in self.rows if row.name == TOTAL), None)


def read(path: Path) -> Result:
    """Read what Locust's main process has written."""
    content = json.loads(path.read_text())
    return Result(
        rows=sorted((Row(**row) for row in content["rows"]), key=lambda row: (row.name == TOTAL, row.name)),
        failures=[(name, error, count) for name, error, count in content["failures"]],
        exceptions=[(message, count) for message, count in content["exceptions"]],
        late_p50_ms=content["late_p50_ms"],
        late_p99_ms=content["late_p99_ms"],
    )


def exceeded(result: Result, max_failures: float, max_p99_ms: float | None) -> list[str]:
    """The limits that the result exceeds. `max_failures` is a percentage of the requests."""
    total = result.total
    if total is None:
        return ["no request was sent"]
    reasons = [f"a journey broke off: {message} ({count} times)" for message, count in result.exceptions]
    percent = 100 * total.failures / total.requests
    if percent > max_failures:
        reasons.append(f"{percent:.2f} % of the requests failed, and {max_failures:g} % may")
    if max_p99_ms is not None and total.p99_ms > max_p99_ms:
        reasons.append(f"the p99 is {total.p99_ms:.0f} ms, and {max_p99_ms:.0f} ms is the limit")
    return reasons


def show(result: Result, console: Console) -> None:
    """Print the table of the interfaces and that of the failures."""
    table = Table("interface", title="Load test", title_justify="left")
    for heading in ("requests", "failures", "requests/s", "mean ms", "p50", "p95", "p99", "max"):
        table.add_column(heading, justify="right")
    for row in result.rows:
        latencies = (row.mean_ms, row.p50_ms, row.p95_ms, row.p99_ms, row.max_ms)
        name = "all" if row.name == TOTAL else row.name
        table.add_row(
            name, f"{row.requests:,}", f"{row.failures:,}", f"{row.rate:.1f}", *(f"{value:.0f}" for value in latencies)
        )
    console.print(table)
    if result.failures:
        failures = Table("interface", "failure", title="Failures", title_justify="left")
        failures.add_column("times", justify="right")
        for name, error, count in sorted(result.failures, key=lambda failure: -failure[2]):
            failures.add_row(name, error, f"{count:,}")
        console.print(failures)
    console.print(
        f"Of these latencies, Locust's own lateness: p50 {result.late_p50_ms:.0f} ms, p99 {result.late_p99_ms:.0f} ms"
    )
