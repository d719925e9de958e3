"""docs/OPERATIONS.md has every metric, every alert and every line of the log, and no others."""

import ast
import re
from collections.abc import Iterable, Iterator

from conf.settings import ROOT
from services.metrics.catalogue import Metrics

LAYERS = ("handlers", "services", "models", "conf")
LEVELS = {"debug", "info", "warning", "error", "exception"}
OPERATIONS = (ROOT / "docs" / "OPERATIONS.md").read_text()


def rows() -> dict[str, set[str]]:
    """The metrics of the table, and the texts in backquotes in their columns."""
    found = re.findall(r"^\| `(xiaozhibo_\w+)` \|([^|]*\|[^|]*)\|", OPERATIONS, re.MULTILINE)
    return {name: set(re.findall(r"`(\w+)`", columns)) for name, columns in found}


def test_every_metric_is_explained_with_its_labels_and_no_other_is() -> None:
    documented = rows()
    assert {family.name for family in Metrics()} == set(documented)
    assert {family.name: set(family.labels) - documented[family.name] for family in Metrics()} == {
        name: set() for name in documented
    }


def test_every_known_value_of_a_label_is_explained() -> None:
    known: Iterable[tuple[str, object]] = (
        (family.name, value) for family in Metrics() if isinstance(family, dict) and family.labels for value in family
    )
    documented = rows()
    missing = [
        (name, part)
        for name, value in known
        for part in (value if isinstance(value, tuple) else (value,))
        if part not in documented[name]
    ]
    assert missing == []


def test_every_alert_has_a_paragraph_and_no_other_has() -> None:
    alerts = re.findall(r"^ +- alert: (\w+)$", (ROOT / "conf" / "alerts.yml").read_text(), re.MULTILINE)
    assert alerts == re.findall(r"^### (Xiaozhibo\w+)\n\S", OPERATIONS, re.MULTILINE)


def logged_in(tree: ast.Module) -> Iterator[str]:
    """The names of the events that a module logs."""
    for node in ast.walk(tree):
        match node:
            case ast.Call(func=ast.Attribute(attr=level), args=[ast.Constant(value=str(event)), *_]) if level in LEVELS:
                yield event


def test_every_line_of_the_log_is_explained() -> None:
    paths = [ROOT / "main.py", *(path for layer in LAYERS for path in (ROOT / layer).rglob("*.py"))]
    trees = [ast.parse(path.read_text()) for path in paths]
    texts = {node.value for tree in trees for node in ast.walk(tree) if isinstance(node, ast.Constant)}
    section = OPERATIONS[OPERATIONS.index("### Lines of the log") :]
    rows = re.findall(r"^\| (`.+?`) \| \w", section, re.MULTILINE)
    explained = {name for row in rows for name in re.findall(r"`([^`]+)`", row)}
    assert {event for tree in trees for event in logged_in(tree)} <= explained <= texts
