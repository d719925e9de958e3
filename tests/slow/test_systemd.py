"""The server runs in the sandbox of the shipped unit. It needs a running systemd, and root."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from pymysql.cursors import Cursor

from conf.settings import ROOT
from tests.harness.main_process import command, reserved_port, wait_for
from tests.harness.production import answers

UNIT = ROOT / "conf" / "systemd" / "xiaozhibo@.service"
# What places the worker in an installation. The rest is its sandbox and its limits.
PLACES = {"Type", "Sockets", "User", "WorkingDirectory", "ExecStart", "Environment", "ReadWritePaths", "Restart"}
PLACES |= {"RestartSec", "WatchdogSec", "TimeoutStopSec"}


def has_systemd() -> bool:
    """True where systemd is the manager of the system, and may be told to start something."""
    return os.geteuid() == 0 and Path("/run/systemd/system").is_dir()


def sandbox() -> list[str]:
    """The properties of the unit's sandbox, as options of systemd-run."""
    lines = UNIT.read_text().partition("[Service]\n")[2].partition("\n[")[0].splitlines()
    properties = [line for line in lines if "=" in line and not line.startswith("#")]
    return [f"--property={each}" for each in properties if each.partition("=")[0] not in PLACES]


@pytest.mark.skipif(not has_systemd(), reason="systemd does not run here, or this is not root")
def test_the_server_serves_in_its_sandbox(mysql: Cursor, tmp_path: Path) -> None:
    with reserved_port() as port:
        server = command("--http.port", str(port), "--http.tls_port", "0", "--metrics.directory", str(tmp_path))
        run = ["systemd-run", "--quiet", "--collect", "--pipe", "--unit=xiaozhibo-test", *sandbox()]
        process = subprocess.Popen([*run, "--working-directory", str(ROOT), *server], stdout=sys.stderr)
        try:
            wait_for(lambda: answers(port))
        finally:
            subprocess.run(["/usr/bin/systemctl", "stop", "xiaozhibo-test"], check=False)
            process.wait()
