"""Reads the settings: a TOML file, overridden by XZB_ variables, overridden by options (decisions, section 8).

`XZB_CONF` names the TOML file (default: `conf/development.toml`). The name of a variable is the prefix `XZB_` and the
path of the setting with `__` between the levels (`XZB_HTTP__PORT`). An option is the same path with dots
(`--http.port 9000`). A wrong value ends the process with code 2 before it listens.
"""

import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from difflib import get_close_matches
from typing import Any, NoReturn

from pydantic import SecretStr, ValidationError
from pydantic.fields import FieldInfo
from pydantic_settings import CliSettingsSource, SettingsError

from conf.settings import Settings, conf_path
from conf.version import VERSION

_USAGE = "main.py [--help] [--version] [--check] [--SECTION.SETTING VALUE ...]"
_CHECK = "--check"


def parse(argv: Sequence[str]) -> tuple[Settings, bool]:
    """The settings, and whether `--check` is among the options: check the installation instead of serving."""
    return load([option for option in argv if option != _CHECK]), _CHECK in argv


def load(argv: Sequence[str] = ()) -> Settings:
    """Read the settings. At a wrong one, print what is wrong and exit with code 2."""
    path = conf_path()
    if not path.is_file():
        _refuse([f"XZB_CONF: there is no file {str(path)!r}"])
    if unknown := list(_unknown_variables()):
        _refuse(unknown)
    options = CliSettingsSource[Any](Settings, cli_prog_name="main.py")
    options.root_parser.usage = _USAGE
    options.root_parser.description = f"Serves. An option overrides its XZB_ variable, which overrides {path}."
    options.root_parser.add_argument("--version", action="version", version=VERSION)
    options.root_parser.add_argument(_CHECK, action="store_true", help="check settings, stores and keys, then exit")
    options(args=list(argv))
    try:
        return Settings(_cli_settings_source=options)
    except ValidationError as error:
        _refuse([_describe(item) for item in error.errors(include_url=False)])
    except SettingsError as error:  # JSON for a whole section
        _refuse([str(error)])
    except ValueError as error:  # the TOML file does not parse
        _refuse([f"{path}: {error}"])


def _unknown_variables() -> Iterator[str]:
    """A problem for each XZB_ variable that is no setting: it is a spelling mistake."""
    known = {"XZB_CONF", *_variables("XZB", Settings.model_fields)}
    for name in sorted(os.environ):
        if name.upper().startswith("XZB_") and name.upper() not in known:
            nearest = get_close_matches(name.upper(), known, n=1, cutoff=0)[0]
            yield f"{name}: there is no such setting; the nearest is {nearest}"


def _variables(prefix: str, fields: Mapping[str, FieldInfo]) -> Iterator[str]:
    """The variables of the settings, and those of whole sections, which hold JSON."""
    for name, field in fields.items():
        variable = f"{prefix}_{name}".upper()
        yield variable
        yield from _variables(f"{variable}_", getattr(field.annotation, "model_fields", {}))


def _refuse(problems: list[str]) -> NoReturn:
    for problem in problems:
        print(f"settings: {problem}", file=sys.stderr)
    raise SystemExit(2)


def _describe(item: Any) -> str:
    """One problem: the setting, the value unless it is a secret, and the values that it takes."""
    location = [str(part) for part in item["loc"]]
    name = f"{'.'.join(location)} (XZB_{'__'.join(location).upper()}): " if location else ""
    hidden = not location or item["type"] in ("missing", "extra_forbidden") or _is_secret(location)
    got = "" if hidden else f"got {item['input']!r}, "
    return f"{name}{got}{item['msg'].removeprefix('Value error, ')}"


def _is_secret(location: list[str]) -> bool:
    fields: dict[str, FieldInfo] = Settings.model_fields
    for part in location:
        field = fields.get(part)
        if field is None or field.annotation is None:
            return False
        if field.annotation is SecretStr:
            return True
        fields = getattr(field.annotation, "model_fields", {})
    return bool(fields)  # a whole section may hold a secret
