"""Workers below supervisor, by the shipped file with other paths, ports and users."""

import os
import pwd
import shutil
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from conf.settings import ROOT
from scripts.stores.processes import Child, child, without_settings

USER = pwd.getpwuid(os.geteuid()).pw_name


@contextmanager
def supervised(var: Path, port: int, options: Sequence[str], release: Path = ROOT) -> Iterator[Child]:
    """A supervisord whose workers run from `release`. Its files, the settings and the logs are in `var`."""
    var.mkdir(exist_ok=True)
    shutil.copy(ROOT / "conf" / "development.toml", var / "xiaozhibo.toml")
    text = adapted(
        "supervisord.conf",
        {
            "directory = /opt/xiaozhibo/current": f"directory = {release}",
            "/opt/xiaozhibo/var": str(var),
            "user = xiaozhibo": f"user = {USER}",
            "tcp://127.0.0.1:8000": f"tcp://127.0.0.1:{port}",
            "/etc/xiaozhibo/xiaozhibo.toml": str(var / "xiaozhibo.toml"),
        },
    )
    (var / "supervisord.conf").write_text(text)
    program = [sys.executable, "-m", "supervisor.supervisord", "--nodaemon", "-c", str(var / "supervisord.conf")]
    env = {**without_settings(), **as_variables(options)}
    with (var / "output").open("wb") as output, child(program, env=env, output=output) as process:
        yield process


def adapted(name: str, replacements: Mapping[str, str]) -> str:
    """A shipped file of conf/ with other texts. Raises ValueError for a text to replace that is not there."""
    text = (ROOT / "conf" / name).read_text()
    for old, new in replacements.items():
        if old not in text:
            raise ValueError(f"conf/{name} has no {old!r}")
        text = text.replace(old, new)
    return text


def as_variables(options: Sequence[str]) -> dict[str, str]:
    """Options of main.py as XZB_ variables, which reach it through supervisor."""
    names = [option.removeprefix("--").replace(".", "__").upper() for option in options[::2]]
    return {f"XZB_{name}": value for name, value in zip(names, options[1::2], strict=True)}
