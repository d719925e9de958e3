"""The layers: handlers, services, models. import-linter checks imports, and this module checks where SQL stands."""

import ast
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from conf.settings import ROOT

SQL = re.compile(
    r"\s*(SELECT\s|INSERT\s+INTO\s|REPLACE\s+INTO\s|UPDATE\s+\S+\s+SET\s|DELETE\s+FROM\s|(CREATE|ALTER|DROP)\s+TABLE\s)",
    re.IGNORECASE,
)
LAYERS = ("main.py", "conf", "handlers", "services", "models")


def sql_in(source: str) -> list[str]:
    """The strings in a module that begin as a statement of SQL."""
    strings = (node.value for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Constant))
    return [text for text in strings if isinstance(text, str) and SQL.match(text)]


def test_sql_stands_in_models_alone() -> None:
    modules = {path: path.relative_to(ROOT).parts[0] for layer in LAYERS for path in (ROOT / layer).glob("**/*.py")}
    modules[ROOT / "main.py"] = "main.py"
    assert {layer for path, layer in modules.items() if sql_in(path.read_text())} == {"models"}


@pytest.mark.parametrize(
    "source",
    [
        'db.fetch_all("SELECT 1")',
        'sql = f"""\n  select userid from {table}"""',
        'db.execute("DELETE FROM tb_ugc WHERE userid = %s", [userid])',
        '"UPDATE tb_account " "SET sex = 1"',
    ],
)
def test_a_statement_is_recognised(source: str) -> None:
    assert sql_in(source)


@pytest.mark.parametrize("source", ['"""Selects a page."""', '"update the profile"', "# SELECT 1", '"Insert a coin"'])
def test_a_sentence_is_no_statement(source: str) -> None:
    assert not sql_in(source)


FORBIDDEN = [
    ("handlers/vod.py", "import redis", "handlers.vod -> redis"),
    ("handlers/vod.py", "from models import vod", "handlers.vod -> models.vod"),
    ("handlers/transport/server.py", "import aiomysql", "handlers.transport.server -> aiomysql"),
    ("services/videos.py", "import tornado.web", "services.videos -> tornado"),
    ("services/videos.py", "from pymysql.err import MySQLError", "services.videos -> pymysql"),
    ("services/videos.py", "from handlers import vod", "services.videos -> handlers.vod"),
    ("services/videos.py", "from conf.cli import load", "services.videos -> conf.cli"),
    ("models/vod.py", "from services.errors import ServiceError", "models.vod -> services.errors"),
    ("models/vod.py", "import redis", "models.vod -> redis"),
    ("conf/settings.py", "from services import errors", "conf.settings -> services.errors"),
]


def test_imports_against_the_layers_are_refused(tmp_path: Path) -> None:
    for name in (*LAYERS, "scripts", "pyproject.toml"):
        copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copy
        copy(ROOT / name, tmp_path / name)
    for module, statement, _ in FORBIDDEN:
        linted = tmp_path / module
        linted.write_text(f"{statement}\n{linted.read_text()}")
    command = [str(Path(sys.executable).with_name("lint-imports")), "--no-cache"]
    linter = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert linter.returncode == 1
    assert [found for _, _, found in FORBIDDEN if found not in linter.stdout] == [], linter.stdout
