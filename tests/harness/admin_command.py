"""Runs the real `./scripts/admin` as a child process."""

import json
import os
import pty
import select
import subprocess
from collections.abc import Sequence
from typing import Any

from conf.settings import ROOT
from tests.harness.main_process import PATIENCE
from tests.harness.stores import MYSQL_URL, REDIS_URL

STORES = {"XZB_MYSQL__URL": MYSQL_URL, "XZB_REDIS__URL": REDIS_URL}
_CHEAP_HASHES = {"XZB_PASSWORD__TIME_COST": "1", "XZB_PASSWORD__MEMORY_KIB": "64"}


def admin(*arguments: str, text: str = "", **environment: str) -> tuple[int, str, str]:
    """Run the command from another folder, with `text` on standard input; its exit code, output and errors."""
    command, env = _command(arguments, environment)
    ended = subprocess.run(command, env=env, cwd="/", input=text, capture_output=True, text=True, check=False)
    return ended.returncode, ended.stdout, ended.stderr


def result_of(*arguments: str, text: str = "") -> Any:
    """The JSON document that a command prints. It has to succeed, and to print nothing else."""
    code, output, errors = admin(*arguments, "--json", text=text)
    assert (code, errors) == (0, "")
    return json.loads(output)


def admin_at_terminal(*arguments: str, typed: Sequence[str]) -> tuple[int, str]:
    """Run the command at a terminal, with one of these lines typed at each prompt; its exit code and its output."""
    command, env = _command(arguments, {})
    controller, terminal = pty.openpty()
    try:
        # In a session of its own it has no other terminal that it could ask at.
        with subprocess.Popen(
            command, env=env, stdin=terminal, stdout=subprocess.PIPE, stderr=terminal, start_new_session=True
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


def _command(arguments: tuple[str, ...], environment: dict[str, str]) -> tuple[list[str], dict[str, str]]:
    env = {**os.environ, **STORES, **_CHEAP_HASHES, **environment}
    return [str(ROOT / "scripts" / "admin"), *arguments], env
