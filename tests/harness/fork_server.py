"""Starts `python main.py` as a fork of a process that has imported it: the imports take most of the time of a start."""

import multiprocessing
import os
import socket
import sys
from collections.abc import Mapping, Sequence
from multiprocessing import forkserver
from multiprocessing.process import BaseProcess
from pathlib import Path
from unittest import mock

import coverage

from main import main

_COVERAGE = "COVERAGE_PROCESS_CONFIG"  # the variable by which coverage.py measures child processes
_CONTEXT = multiprocessing.get_context("forkserver")
_CONTEXT.set_forkserver_preload([__name__])


def start(options: Sequence[str], log: Path, inherited: socket.socket | None = None) -> BaseProcess:
    """Start a server that writes to the log. It serves the inherited socket, if there is one, as `--http.fd`."""
    with mock.patch.dict(os.environ):
        os.environ.pop(_COVERAGE, None)  # the imports are measured in the tests' own process
        forkserver.ensure_running()
    process = _CONTEXT.Process(target=_serve, args=(options, log, inherited, dict(os.environ)))
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
