"""The cases: visits that Hypothesis makes up, and cuts down when they break a promise."""

import shutil
import warnings
from contextlib import suppress
from pathlib import Path

from hypothesis import HealthCheck, Phase, Verbosity, settings
from hypothesis import seed as seeded
from hypothesis.database import DirectoryBasedExampleDatabase
from hypothesis.errors import Flaky, HypothesisWarning
from hypothesis.stateful import run_state_machine_as_test
from rich.console import Console
from rich.table import Table

from scripts.fuzzing.target import Breakdown, Target, Violation
from scripts.fuzzing.visit import Visit

_STEPS = 20  # rules of a visit
_SHOWN = 2000  # characters of a case


def run(target: Target, cases: int, first_seed: int, folder: Path, console: Console) -> bool:
    """Send the cases and report. True when every promise is kept. What breaks one is kept in the folder."""
    warnings.filterwarnings("ignore", message="Generating overly large repr", category=HypothesisWarning)
    rounds = 0
    try:
        while target.cases < cases:
            visits = 1 + (cases - target.cases) // (2 * _STEPS)  # some steps are two cases
            visit = type("Visit", (Visit,), {"target": target})
            run_state_machine_as_test(seeded(first_seed + rounds)(visit), settings=limits(visits, folder))
            rounds += 1
        target.judge_end()
    except (Violation, Breakdown):
        report_violation(target, first_seed, cases, folder, console)
        return False
    except Flaky:
        if not target.failure:
            raise
        console.print("It happened once, and not when the cases were repeated.")
        report_violation(target, first_seed, cases, folder, console)
        return False
    report(target, console)
    return True


def keep_log(run_folder: Path, folder: Path, first_seed: int) -> None:
    """Keep the log of a server of our own beside the cases."""
    with suppress(FileNotFoundError):
        shutil.copy(run_folder / "server.log", folder / f"violation-{first_seed}.log")


def limits(visits: int, folder: Path) -> settings:
    """The settings of Hypothesis for so many visits."""
    return settings(
        max_examples=visits,
        stateful_step_count=_STEPS,
        deadline=None,
        report_multiple_bugs=False,
        suppress_health_check=list(HealthCheck),
        phases=[Phase.reuse, Phase.generate, Phase.shrink],
        database=DirectoryBasedExampleDatabase(folder / "examples"),
        verbosity=Verbosity.quiet,
    )


def report_violation(target: Target, first_seed: int, cases: int, folder: Path, console: Console) -> None:
    """Print the cases that break a promise."""
    whole = folder / f"violation-{first_seed}.txt"
    whole.write_text("\n".join([*target.failing_steps, target.failure, ""]))
    console.print(f"The cases, in their order (whole in {whole}):")
    for step in target.failing_steps:
        console.print(f"  {step if len(step) < _SHOWN else step[:_SHOWN] + ' …'}", markup=False, soft_wrap=True)
    console.print(target.failure, style="red", markup=False, soft_wrap=True)
    console.print(
        f"Again: ./scripts/fuzz, which tries these first, or ./scripts/fuzz --seed {first_seed} --cases {cases}"
    )


def report(target: Target, console: Console) -> None:
    """Print the answers by their kind."""
    table = Table("status code", "answers")
    for kind, count in target.answers.most_common():
        table.add_row(kind, f"{count:,}")
    console.print(table)
    console.print(f"{target.cases:,} cases, the longest {target.longest_s:.2f} s, {target.summary()}")
    console.print("every promise is kept", style="green")
