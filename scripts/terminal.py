"""What commands show at a terminal while they work."""

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, ProgressColumn, TextColumn, TimeElapsedColumn


def progress(console: Console, *more: ProgressColumn) -> Progress:
    """Progress bars that disappear at their end: task, bar, number, elapsed time, and more columns."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), *more)
    return Progress(*columns, console=console, transient=True)
