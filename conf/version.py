"""The version of the server, which only pyproject.toml has."""

import tomllib

from conf.settings import ROOT

VERSION: str = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
