"""Clients that are generated from the committed API description, as docs/clients/README.md says, against a real server."""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from pymysql.cursors import Cursor
from redis import Redis

from conf.settings import ROOT
from handlers.pages.static import FILES
from tests.harness.main_process import Server, running

OUTPUT = """\
again: 612 userid is taken
profile: 小明 1
replays: 0
no replay: 601 file_id: the user has no such video
newest video: 小明 猫
signatures: 3
deleted
"""


@pytest.fixture
def server(mysql: Cursor, store: Redis, tmp_path: Path) -> Iterator[Server]:
    with running(tmp_path) as server:
        yield server


@pytest.fixture
def clients(tmp_path: Path) -> Path:
    """A copy of docs/clients beside the description: the commands write into it."""
    docs = tmp_path / "docs"
    shutil.copytree(ROOT / "docs" / "clients", docs / "clients", ignore=shutil.ignore_patterns("node_modules", ".venv"))
    shutil.copy(ROOT / "docs" / "openapi.json", docs)
    return docs / "clients"


def commands(language: str, server: Server) -> str:
    """The commands of the README for a language, with the address of the server."""
    text = (ROOT / "docs" / "clients" / "README.md").read_text()
    found = re.search(rf"\*\*{language}\*\*.*?```sh\n(.*?)```", text, re.DOTALL)
    assert found is not None
    assert "http://127.0.0.1:8000" in found[1]
    return found[1].replace("http://127.0.0.1:8000", f"http://127.0.0.1:{server.port}")


def run(folder: Path, script: str) -> str:
    """Run the commands in the folder; what they print."""
    # npm, pip and Python of this environment: Node comes from a package of Python.
    # The locks name every file by its hash, so one that npm has already is as good as one that it fetches again.
    environment = {
        **os.environ,
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "CI": "true",
        "npm_config_prefer_offline": "true",
        "npm_config_audit": "false",
    }
    ended = subprocess.run(
        ["/bin/bash", "-euo", "pipefail", "-c", script],
        cwd=folder,
        env=environment,
        check=False,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert ended.returncode == 0, ended.stdout
    return ended.stdout


def test_a_typescript_client_calls_every_interface(server: Server, clients: Path) -> None:
    folder = clients / "typescript"
    assert run(folder, commands("TypeScript", server)).endswith(OUTPUT)


def test_typescript_knows_the_codes_of_each_interface(clients: Path) -> None:
    folder = clients / "typescript"
    run(folder, "npm ci --ignore-scripts && npm run generate")
    wrong = (folder / "example.ts").read_text().replace("profile.data.nickname", "profile.data.nick")
    assert wrong != (folder / "example.ts").read_text()
    (folder / "wrong.ts").write_text(wrong)
    codes = 'import type { components } from "./api.ts";\nexport const code: components["schemas"]["LoginRefusal"]["code"] = '
    (folder / "right.ts").write_text(f"{codes}621;\n")
    (folder / "unknown.ts").write_text(f"{codes}612;\n")
    output = run(folder, "npm run check || true")
    assert set(re.findall(r"^(\w+\.ts)\(", output, re.MULTILINE)) == {"wrong.ts", "unknown.ts"}, output


def test_the_pages_files_are_those_of_swagger_ui(clients: Path) -> None:
    folder = clients / "typescript"
    run(folder, "npm ci --ignore-scripts")
    assets = FILES["/docs/swagger-ui.css"].parent
    for file in assets.iterdir():
        assert file.read_bytes() == (folder / "node_modules" / "swagger-ui-dist" / file.name).read_bytes(), file.name


def test_a_python_client_calls_every_interface(server: Server, clients: Path) -> None:
    assert run(clients / "python", commands("Python", server)).endswith(OUTPUT)
