"""`./scripts/admin check`, which `main.py --check` runs, too."""

import asyncio

from rich.console import Console
from rich.text import Text
from typer import Exit

from conf.cli import load
from conf.settings import Settings
from services.self_check import Finding, Level, check

_STYLES = {Level.OK: "green", Level.WARNING: "yellow", Level.ERROR: "bold red", Level.COMPARE: "cyan"}


def check_installation() -> None:
    """Check settings, stores, rights, clocks and keys. Exit code 1: something keeps the server from serving.

    Nobody but Tencent knows whether a key fits. So it also shows a signature of each key, and where to compare it.
    """
    raise Exit(report(load()))


def report(settings: Settings) -> int:
    """Print what the check finds; the exit code."""
    findings = asyncio.run(_findings(settings))
    console = Console(highlight=False)
    for finding in findings:
        line = Text(f"{finding.level:8}", _STYLES[finding.level]) + f"{finding.subject:12}{finding.text}"
        console.print(line, soft_wrap=True)  # a signature stays whole, to be copied
    return int(any(finding.level is Level.ERROR for finding in findings))


async def _findings(settings: Settings) -> list[Finding]:
    return [finding async for finding in check(settings)]
