"""The files for operators are well-formed, and fit each other."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from conf.settings import ROOT, Http
from handlers.pages.static import FILES

BIN = Path(sys.executable).parent
UNITS = ROOT / "conf" / "systemd"


def output_of(*command: str | Path, cwd: Path = ROOT) -> str:
    """What a check complains about, nothing when all is well."""
    ended = subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False)
    return "" if ended.returncode == 0 and not ended.stderr else ended.stdout + ended.stderr


def test_the_dockerfile_follows_the_rules_of_hadolint() -> None:
    assert output_of(BIN / "hadolint", "Dockerfile") == ""


def test_the_image_has_every_package_and_every_page_of_the_server() -> None:
    copied = set(re.findall(r"^COPY (\w+) \w+$", (ROOT / "Dockerfile").read_text(), re.MULTILINE))
    assert copied == {"conf", "handlers", "models", "services", "scripts"}
    kept = {line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    documents = {str(path.relative_to(ROOT)) for path in FILES.values() if path.is_relative_to(ROOT / "docs")}
    assert kept == copied | documents | {"requirements.txt", "pyproject.toml", "LICENSE", "main.py"}
    assert f"COPY {' '.join(sorted(documents))} docs/" in (ROOT / "Dockerfile").read_text().splitlines()


def test_compose_follows_its_specification() -> None:
    assert output_of(BIN / "check-jsonschema", "--builtin-schema", "vendor.compose-spec", "compose.yaml") == ""


def test_shell_of_the_image_is_well_formed() -> None:
    assert output_of("bash", "-n", "conf/mysql-users.sh") == ""


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="this system has no systemd")
def test_the_units_are_well_formed_and_hardened(tmp_path: Path) -> None:
    for unit in UNITS.iterdir():  # the user and the folder exist only where the server is installed
        (tmp_path / unit.name).write_text(unit.read_text().replace("User=xiaozhibo", "User=root"))
    names = sorted(unit.name for unit in UNITS.iterdir())
    assert output_of("systemd-analyze", "verify", "--man=no", *(f"./{name}" for name in names), cwd=tmp_path) == ""
    # Exposure is 0 to 100, less is better; a plain service has 96.
    security = ("systemd-analyze", "security", "--offline=yes", "--threshold=25", "./xiaozhibo@.service")
    assert output_of(*security, cwd=tmp_path) == ""


@pytest.mark.skipif(shutil.which("logrotate") is None, reason="this system has no logrotate")
def test_logrotate_accepts_its_file(tmp_path: Path) -> None:
    assert "error" not in output_of("logrotate", "--debug", "--state", tmp_path / "state", "conf/logrotate.conf")


def test_a_manager_waits_longer_for_a_stop_than_the_server_does() -> None:
    supervisor = (ROOT / "conf" / "supervisord.conf").read_text()
    service = (UNITS / "xiaozhibo@.service").read_text()
    waits = [
        re.search(r"^stopwaitsecs = (\d+)", supervisor, re.MULTILINE),
        re.search(r"^TimeoutStopSec=(\d+)", service, re.MULTILINE),
        re.search(r"stop_grace_period: (\d+)s", (ROOT / "compose.yaml").read_text()),
    ]
    assert all(wait is not None and int(wait[1]) > Http().drain_timeout + 5 for wait in waits)
