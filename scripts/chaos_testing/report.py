"""Outcomes for readers."""

import math
from collections.abc import Sequence

from rich.table import Table
from rich.text import Text

from scripts.chaos_testing.judgement import Outcome

COLUMNS = (
    *("scenario", "sent", "200", "503", "other", "no answer", "longest s"),
    *("p99 ms before / during / after", "acknowledged", "found", "full service after s", "verdict"),
)


def details(outcome: Outcome) -> Text:
    """One line for a scenario that kept its promises; otherwise one more for each broken promise."""
    text = Text(f"{outcome.name}: ") + Text(_verdict(outcome), "bold red" if outcome.broken else "green")
    return text + Text("".join(f"\n  {line}" for line in (*outcome.broken, *filter(None, [outcome.note]))))


def table(outcomes: Sequence[Outcome]) -> Table:
    """All outcomes."""
    whole = Table(box=None, pad_edge=False)
    for name in COLUMNS:
        whole.add_column(name, justify="left" if name in ("scenario", "verdict") else "right")
    for outcome in outcomes:
        whole.add_row(*cells(outcome))
    return whole


def as_markdown(outcomes: Sequence[Outcome]) -> str:
    """The table, and below it the promises that were broken."""
    lines = [COLUMNS, ["---"] + ["--:"] * (len(COLUMNS) - 2) + ["---"], *map(cells, outcomes)]
    broken = [f"- {outcome.name}: {text}" for outcome in outcomes for text in outcome.broken]
    return "\n".join([*(f"| {' | '.join(line)} |" for line in lines), "", *broken]).rstrip() + "\n"


def cells(outcome: Outcome) -> list[str]:
    """The row of an outcome."""
    others = {code: count for code, count in outcome.codes.items() if code not in (200, 503)}
    return [
        outcome.name,
        f"{outcome.sent:,}",
        f"{outcome.codes[200]:,}",
        f"{outcome.codes[503]:,}",
        " ".join(f"{code}: {count}" for code, count in sorted(others.items())) or "0",
        f"{outcome.broken_connections:,}",
        _seconds(outcome.longest),
        " / ".join("–" if math.isnan(each) else f"{each * 1000:.0f}" for each in outcome.p99),
        f"{outcome.acknowledged:,}",
        f"{outcome.found:,}",
        _seconds(outcome.recovery),
        _verdict(outcome),
    ]


def _verdict(outcome: Outcome) -> str:
    if outcome.broken:
        return "broken"
    return "kept" if outcome.sent else "not played"


def _seconds(value: float) -> str:
    return "–" if math.isnan(value) else f"{value:.2f}"
