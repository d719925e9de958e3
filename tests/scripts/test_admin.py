"""./scripts/admin: exit codes, and one line for each failure."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from pymysql.cursors import Cursor
from redis import Redis
from typer.main import get_command

from conf.settings import ROOT
from conf.version import BUILD
from models.migrate import LOCK
from scripts.administration.__main__ import app
from tests.harness.admin_command import admin, admin_process, result_of
from tests.harness.stores import DATABASE, MYSQL_URL


def test_migrate_says_that_the_tables_are_up_to_date(schema: None) -> None:
    assert admin_process("migrate") == (0, "tables: up to date\n", "")
    assert result_of("migrate") == {"applied": []}


def test_migrate_names_the_migrations_that_it_applies(mysql: Cursor) -> None:
    name = f"admin_{os.getpid()}"
    mysql.execute(f"CREATE DATABASE {name}")
    try:
        code, output, errors = admin("migrate", XZB_MYSQL__URL=MYSQL_URL.replace(DATABASE, name, 1))
        assert (code, errors) == (0, "")
        assert output.startswith("tables: applied 0001.initial")
    finally:
        mysql.execute(f"DROP DATABASE {name}")


@pytest.mark.parametrize("command", ["migrate", "callbacks replay", "user show alice"])
@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (("root@", "nobody:wrong@"), "Access denied for user 'nobody'@'localhost'"),
        ((f"/{DATABASE}", "/missing"), "Unknown database 'missing"),
        (("unix_socket=/", "unix_socket=/nowhere/"), "Can't connect to MySQL server"),
    ],
)
def test_a_mysql_that_refuses_is_one_line(command: str, change: tuple[str, str], reason: str) -> None:
    run = (
        admin_process if command == "migrate" else admin
    )  # PyMySQL leaves its socket open, up to the end of the process
    code, output, errors = run(*command.split(), XZB_MYSQL__URL=MYSQL_URL.replace(*change, 1))
    assert (code, output, errors.count("\n")) == (1, "", 1)
    assert reason in errors


def test_a_bug_can_be_reported_with_what_is_printed(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(prog_name: str) -> None:
        raise KeyError(prog_name)

    monkeypatch.setattr("scripts.administration.__main__.app", broken)
    code, output, errors = admin("migrate")
    assert (code, output) == (1, "")
    assert "KeyError: './scripts/admin'" in errors
    assert errors.splitlines()[-1].startswith("a bug: ")
    assert errors.endswith(f"{BUILD}\n")


def test_a_locked_migration_is_one_line(mysql: Cursor, monkeypatch: pytest.MonkeyPatch) -> None:
    mysql.execute(f"SELECT GET_LOCK({LOCK}, 0)")
    monkeypatch.setattr("models.migrate._LOCK_SECONDS", 0)
    assert admin("migrate") == (1, "", "another process is migrating this database\n")


def test_wrong_usage_and_wrong_settings_have_exit_code_2() -> None:
    assert admin_process("nothing")[0] == 2
    code, output, errors = admin("migrate", XZB_MYSQL__URL="nonsense")
    assert (code, output, errors.count("\n")) == (2, "", 1)
    assert "XZB_MYSQL__URL" in errors


SINGLE: set[tuple[str, ...]] = set()
"""The commands that are no groups."""


def commands(command: object, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """The words of each command and of each group."""
    subcommands = getattr(command, "commands", {})
    if not subcommands:
        SINGLE.add(path)
    yield path
    for name, subcommand in subcommands.items():
        yield from commands(subcommand, (*path, name))


COMMANDS = list(commands(get_command(app)))


@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_every_command_explains_itself(words: tuple[str, ...]) -> None:
    code, output, errors = admin(*words, "--help")
    assert (code, errors) == (0, "")
    assert f"Usage: ./scripts/admin {' '.join(words)}".strip() in output
    if words in SINGLE - {("check",)}:
        *_, example = " ".join(output.split()).partition("Example: ")
        assert f"./scripts/admin {' '.join(words)}" in example
        assert "--json" in output


def test_a_clone_without_a_virtual_environment_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "scripts").mkdir()
    shutil.copy(ROOT / "scripts" / "admin", tmp_path / "scripts")
    ended = subprocess.run([tmp_path / "scripts" / "admin", "migrate"], capture_output=True, text=True, check=False)
    assert (ended.returncode, ended.stdout) == (1, "")
    assert ended.stderr == "There is no .venv; ./scripts/prepare makes it.\n"


def test_retention_removes_old_rows_now(mysql: Cursor, store: Redis) -> None:
    mysql.execute("INSERT INTO tb_undelivered_callback (event_id, body, create_time) VALUES ('1', '', '2020-01-01')")
    assert result_of("retention") == {"removed": {"tb_undelivered_callback": 1}}
    assert admin("retention") == (0, "removed: nothing\n", "")
    store.set("xzb:retention", "another process")
    assert admin("retention") == (1, "", "another process is removing rows at the moment\n")


def test_an_input_that_is_no_text_is_one_line() -> None:
    ended = subprocess.run(
        [ROOT / "scripts" / "admin", "user", "create", b"a\xff"], input=b"pw\n", capture_output=True, check=False
    )
    assert (ended.returncode, ended.stderr) == (1, b"an input is not valid UTF-8\n")
