"""What the commands have in common that play scenarios: options, the choice, the report, the exit code."""

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, NoReturn, Protocol, TypeVar

import typer
from rich.console import Console

from scripts.chaos_testing.judgement import Outcome
from scripts.chaos_testing.report import as_markdown, details, table
from scripts.stores.private_servers import ServerError
from scripts.stores.processes import Stopped

EPILOG = "Exit code 0: every promise is kept; 1: one is broken, or a run failed; 2: wrong usage."
console = Console(highlight=False, width=None if sys.stdout.isatty() else 160)

Names = Annotated[list[str] | None, typer.Argument(help="Scenarios; all without one.", show_default=False)]
Show = Annotated[bool, typer.Option("--list", help="List the scenarios, and do nothing.")]
Runs = Annotated[int, typer.Option(min=1, help="How often each scenario is played.")]
Markdown = Annotated[Path | None, typer.Option(help="Where to write the table.", show_default=False)]


class Scenario(Protocol):
    """Something that can be played."""

    @property
    def name(self) -> str:
        """Its name, for the command and the table."""

    @property
    def title(self) -> str:
        """What happens, in words."""


S = TypeVar("S", bound=Scenario)


def show_all(scenarios: Sequence[Scenario]) -> None:
    """List the scenarios."""
    width = max(len(scenario.name) for scenario in scenarios)
    for scenario in scenarios:
        console.print(f"{scenario.name:{width}} {scenario.title}")


def choose(names: Sequence[str] | None, scenarios: Sequence[S]) -> list[S]:
    """The scenarios of these names, all without one. Raises BadParameter for an unknown name."""
    known = {scenario.name: scenario for scenario in scenarios}
    for name in names or ():
        if name not in known:
            raise typer.BadParameter(f"{name}: there is no such scenario; --list lists them")
    return [known[name] for name in names or known]


def play_all(scenarios: Sequence[S], play: Callable[[S], Outcome], markdown: Path | None) -> NoReturn:
    """Play scenarios, report and exit. An interrupted run tells what it has found, too."""
    outcomes: list[Outcome] = []
    try:
        with ending():
            for number, scenario in enumerate(scenarios, 1):
                with console.status(f"{number} of {len(scenarios)}: {scenario.title} …"):
                    outcomes.append(play(scenario))
                console.print(details(outcomes[-1]))
    finally:
        console.print(table(outcomes))
        if markdown:
            markdown.write_text(as_markdown(outcomes))
    raise typer.Exit(int(any(outcome.broken for outcome in outcomes)))


@contextmanager
def ending() -> Iterator[None]:
    """Ctrl-C and a start that fails become exit codes."""
    try:
        yield
    except typer.Exit:
        raise  # it is a RuntimeError
    except Stopped as stopped:
        raise typer.Exit(stopped.exit_code) from None
    except (ServerError, RuntimeError, OSError) as error:
        console.print(str(error), style="red", markup=False)
        raise typer.Exit(1) from None
