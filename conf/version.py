"""The version of the server, which only pyproject.toml has, and what it runs on."""

import platform
import tomllib

from conf.settings import ROOT

VERSION: str = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]

BUILD = f"version {VERSION}, Python {platform.python_version()}, {platform.platform()}"
"""What a report of a bug has to say."""
