"""Runs `./scripts/admin`, in this process or as a child process."""

import io
import json
import os
import pty
import select
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from typing import Any
from unittest import mock

import structlog

from conf.settings import ROOT
from scripts.administration.__main__ import main
from tests.harness.main_process import PATIENCE
from tests.harness.stores import MYSQL_URL, REDIS_URL

STORES = {"XZB_MYSQL__URL": MYSQL_URL, "XZB_REDIS__URL": REDIS_URL}
_COMMAND = ROOT / "scripts" / "admin"
_CHEAP_HASHES = {"XZB_PASSWORD__TIME_COST": "1", "XZB_PASSWORD__MEMORY_KIB": "64"}


def admin(*arguments: str, text: str = "", **environment: str) -> tuple[int, str, str]:
    """Run the command with `text` on standard input; its exit code, output and errors.

    It runs in this process: to start another one takes longer than most commands.
    """
    output, errors = io.StringIO(), io.StringIO()
    with (
        mock.patch.dict(os.environ, _environment(environment)),
        mock.patch.object(sys, "argv", ["admin", *arguments]),
        mock.patch.object(sys, "stdin", io.TextIOWrapper(io.BytesIO(text.encode()))),
        redirect_stdout(output),
        redirect_stderr(errors),
        _kept_log(),
        ThreadPoolExecutor(1) as thread,  # its event loop is not the test's
    ):
        code = thread.submit(_exit_code).result()
    return code, output.getvalue(), errors.getvalue()


def admin_process(*arguments: str, text: str = "", **environment: str) -> tuple[int, str, str]:
    """The same as a child process that is started from another folder."""
    env = {**os.environ, **_environment(environment)}
    ended = subprocess.run(
        [_COMMAND, *arguments], env=env, cwd="/", input=text, capture_output=True, text=True, check=False
    )
    return ended.returncode, ended.stdout, ended.stderr


def result_of(*arguments: str, text: str = "") -> Any:
    """The JSON document that a command prints. It has to succeed, and to print nothing else."""
    code, output, errors = admin(*arguments, "--json", text=text)
    assert (code, errors) == (0, "")
    return json.loads(output)


def admin_at_terminal(*arguments: str, typed: Sequence[str]) -> tuple[int, str]:
    """Run the command at a terminal, with one of these lines typed at each prompt; its exit code and its output."""
    env = {**os.environ, **_environment({})}
    controller, terminal = pty.openpty()
    try:
        # In a session of its own it has no other terminal that it could ask at.
        with subprocess.Popen(
            [_COMMAND, *arguments],
            env=env,
            stdin=terminal,
            stdout=subprocess.PIPE,
            stderr=terminal,
            start_new_session=True,
        ) as process:
            try:
                for line in typed:
                    _wait_for_prompt(controller)
                    os.write(controller, f"{line}\n".encode())
                output, _ = process.communicate(timeout=PATIENCE)
            finally:
                process.kill()
            return process.returncode, output.decode()
    finally:
        os.close(controller)
        os.close(terminal)


def _wait_for_prompt(controller: int) -> None:
    """Read up to the blank behind a prompt: what is typed before it is thrown away."""
    shown = b""
    while not shown.endswith(b": "):
        assert select.select([controller], [], [], PATIENCE)[0], shown
        shown += os.read(controller, 1)


def _environment(changes: Mapping[str, str]) -> dict[str, str]:
    return {**STORES, **_CHEAP_HASHES, **changes}


def _exit_code() -> int:
    """Run `main`, and end as Python ends a process."""
    try:
        main()
    except SystemExit as ended:
        if isinstance(ended.code, str):
            print(ended.code, file=sys.stderr)
            return 1
        return ended.code or 0
    return 0


@contextmanager
def _kept_log() -> Iterator[None]:
    """A command configures the log as it needs it. Afterwards it is as the tests have it."""
    configuration = structlog.get_config()
    try:
        yield
    finally:
        structlog.configure(**configuration)
