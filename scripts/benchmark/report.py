"""The result of a benchmark as a table, as JSON and as a page with charts."""

import base64
import io
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import jinja2
import matplotlib as mpl
from matplotlib.figure import Figure
from rich.console import Console
from rich.table import Table

from scripts.benchmark.access_log import MAX_SHOWN
from scripts.benchmark.circumstances import Circumstances
from scripts.benchmark.connections import Connections
from scripts.benchmark.frameworks import Frameworks
from scripts.benchmark.growth import Growth
from scripts.benchmark.logins import Storm
from scripts.benchmark.measure import Result

TEMPLATE = Path(__file__).with_name("report.html.jinja")
_HEADINGS = (
    "request",
    "requests/s",
    "share",
    "target",
    "p50 ms",
    "p99 ms",
    "CPU ms",
    "bare CPU",
    "stores CPU",
    "errors",
)
_UNITS = "CPU: user and system ms per request, of the server, of the bare handler, of MariaDB and Redis together."
mpl.rcParams["svg.fonttype"] = "none"  # text stays text


@dataclass(frozen=True)
class Outcome:
    """The results of a run; the parts that it left out are None or empty.

    `complaints` are the lines of the server's log that report a fault.
    """

    circumstances: Circumstances
    requests: list[Result]
    frameworks: Frameworks | None
    logins: Storm | None
    connections: Connections | None
    growth: list[Growth]
    complaints: list[str]


Earlier = dict[str, dict[str, Any]]
"""The requests of an earlier result, by name."""


def missed(outcome: Outcome) -> list[str]:
    """The names of the targets that are not met."""
    names = [result.name for result in outcome.requests if not result.met]
    names += [f"{growth.name}, {growth.rows} rows" for growth in outcome.growth if not growth.met]
    if outcome.frameworks is not None and not outcome.frameworks.met:
        names.append("bare FastAPI")
    if outcome.logins is not None and not outcome.logins.met:
        names.append("login storm")
    if outcome.connections is not None and not outcome.connections.met:
        names.append("many connections")
    if outcome.complaints:
        names.append("a log without complaints")
    return names


def cells(result: Result) -> tuple[str, ...]:
    """A row of the table."""
    return (
        result.name,
        f"{result.rate:,.0f}",
        f"{result.share:.3f}",
        f"{result.target:.2f}",
        f"{result.p50:.1f}",
        f"{result.p99:.1f}",
        f"{result.cpu:.3f}",
        f"{result.bare_cpu:.3f}",
        f"{result.redis_cpu + result.mysql_cpu:.3f}",
        str(result.errors),
    )


def facts(outcome: Outcome) -> list[str]:
    """A sentence for each part besides the requests."""
    lines = []
    if frameworks := outcome.frameworks:
        multiples = ", ".join(f"{value:.2f} of {name}'s" for name, value in frameworks.multiples.items())
        lines.append(f"get_vod_list 20 as a multiple of a bare handler's rate: {multiples}.")
    if storm := outcome.logins:
        lines.append(
            f"Login storm: {storm.logins_per_second:.0f} first logins/s; the others' p99 {storm.others_p99:.0f} ms "
            f"(without the storm {storm.calm_p99:.0f} ms), {storm.errors} errors."
        )
    if connections := outcome.connections:
        idle, busy = connections.beside_idle, connections.many_busy
        lines += [
            f"{connections.idle:,} idle connections: {connections.bytes_per_connection / 1000:.1f} KB each, "
            f"{connections.bytes_per_process / 1e6:.0f} MB per process; beside them {idle.rate:,.0f} requests/s, "
            f"p99 {idle.p99:.0f} ms, {idle.errors} errors.",
            f"1,000 busy connections: {busy.rate:,.0f} requests/s, p99 {busy.p99:.0f} ms "
            f"(the bare handler {connections.bare_busy.p99:.0f} ms), {busy.errors} errors.",
        ]
    for growth in outcome.growth:
        page = "" if growth.uncached is None else f", an uncached page {growth.uncached:.1f} ms"
        times = "" if growth.uncached_relative is None else f" ({growth.uncached_relative:.1f} times)"
        lines.append(
            f"{growth.name}, {growth.rows:,} rows: share {growth.share:.2f} "
            f"({growth.relative:.2f} of the smallest){page}{times}."
        )
    lines += [f"In the server's log: {line}" for line in outcome.complaints[:MAX_SHOWN]]
    return lines


def show(outcome: Outcome, earlier: Earlier | None, console: Console) -> None:
    """Print the table, the other facts and the circumstances."""
    table = Table(*_HEADINGS, *(("before",) if earlier else ()))
    for result in outcome.requests:
        change = (_change(result, earlier),) if earlier else ()
        table.add_row(*cells(result), *change, style="" if result.met else "red")
    console.print(table)
    for line in (_UNITS, *facts(outcome), str(outcome.circumstances)):
        console.print(line, markup=False)


def _change(result: Result, earlier: Earlier) -> str:
    before = earlier.get(result.name)
    return f"{before['share']:.2f} ({result.share / before['share'] - 1:+.0%})" if before else ""


def read(path: Path) -> Earlier:
    """Read the requests of an earlier result. Raises OSError, ValueError, TypeError or KeyError for another file."""
    requests = json.loads(path.read_text())["requests"]
    if not all(request["share"] > 0 for request in requests):
        raise ValueError("a share of nothing")
    return {str(request["name"]): request for request in requests}


def write_json(outcome: Outcome, path: Path) -> None:
    """Write everything, for --compare and for other programs."""
    judged = {
        "requests": [{**asdict(result), "met": result.met} for result in outcome.requests],
        "growth": [{**asdict(growth), "met": growth.met} for growth in outcome.growth],
    }
    path.write_text(json.dumps({**asdict(outcome), **judged, "missed": missed(outcome)}, indent=1) + "\n")


def write_html(outcome: Outcome, earlier: Earlier | None, path: Path) -> None:
    """Write a page that needs no other file."""
    template = jinja2.Environment(autoescape=True).from_string(TEMPLATE.read_text())
    page = template.render(
        circumstances=outcome.circumstances,
        units=_UNITS,
        headings=_HEADINGS,
        rows=[(cells(result), result.met) for result in outcome.requests],
        facts=facts(outcome),
        missed=missed(outcome),
        charts=charts(outcome, earlier),
    )
    path.write_text(page)


def charts(outcome: Outcome, earlier: Earlier | None) -> list[tuple[str, str]]:
    """The title and the data URL of each chart: SVG elements in one page would share their ids."""
    results = outcome.requests[::-1]
    shares = {"this run": [result.share for result in results], "target": [result.target for result in results]}
    if earlier:
        shares["before"] = [earlier.get(result.name, {}).get("share", 0) for result in results]
    names = [result.name for result in results]
    drawn = [
        _bars("Share of a bare Tornado handler", names, shares),
        _bars(
            "Latency, ms", names, {"p50": [result.p50 for result in results], "p99": [result.p99 for result in results]}
        ),
        _bars(
            "CPU, ms per request",
            names,
            {
                "server": [result.cpu for result in results],
                "bare handler": [result.bare_cpu for result in results],
                "Redis": [result.redis_cpu for result in results],
                "MariaDB": [result.mysql_cpu for result in results],
            },
        ),
    ]
    if outcome.growth:
        growths = outcome.growth[::-1]
        labels = [f"{growth.name}, {growth.rows:,} rows" for growth in growths]
        drawn.append(_bars("Growth: share", labels, {"share": [growth.share for growth in growths]}))
    return drawn


def _bars(title: str, names: Sequence[str], series: dict[str, list[float]]) -> tuple[str, str]:
    figure = Figure(figsize=(9, 1 + 0.35 * len(names)), layout="constrained")
    axes = figure.subplots()
    height = 0.8 / len(series)
    for position, (label, values) in enumerate(series.items()):
        axes.barh([row - position * height for row in range(len(names))], values, height, label=label)
    axes.set_yticks([row - 0.4 + height / 2 for row in range(len(names))], names)
    axes.set_title(title)
    figure.legend(loc="outside lower right", ncols=len(series))
    with io.BytesIO() as svg:
        figure.savefig(svg, format="svg")
        return title, f"data:image/svg+xml;base64,{base64.b64encode(svg.getvalue()).decode()}"
