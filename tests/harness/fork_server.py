"""Starts `python main.py` as a fork of a process that has imported it: the imports take most of the time of a start."""

import multiprocessing
import os
import socket
import sys
from collections.abc import Mapping, Sequence
from multiprocessing.process import BaseProcess
from pathlib import Path

import coverage

from main import main

# By this variable coverage.py measures child processes: servers only, since it takes a third of a second at the start of
# each program. The fork server itself is none of them. What it imports is measured in the tests' own process.
_COVERAGE = "COVERAGE_PROCESS_CONFIG"
_MEASURED = {_COVERAGE: os.environ.pop(_COVERAGE)} if _COVERAGE in os.environ else {}
_CONTEXT = multiprocessing.get_context("forkserver")
_CONTEXT.set_forkserver_preload([__name__])


def start(options: Sequence[str], log: Path, inherited: socket.socket | None = None) -> BaseProcess:
    """Start a server that writes to the log. It serves the inherited socket, if there is one, as `--http.fd`."""
    process = _CONTEXT.Process(target=_serve, args=(options, log, inherited, {**os.environ, **_MEASURED}))
    process.start()
    return process


def _serve(options: Sequence[str], log: Path, inherited: socket.socket | None, environment: Mapping[str, str]) -> None:
    os.environ.clear()
    os.environ.update(environment)
    coverage.process_startup()
    with log.open("ab") as output:
        os.dup2(output.fileno(), sys.stdout.fileno())
        os.dup2(output.fileno(), sys.stderr.fileno())
    descriptor = [] if inherited is None else ["--http.fd", str(inherited.detach())]
    sys.exit(main([*options, *descriptor]))
