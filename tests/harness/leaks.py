"""Every secret that the tests of this process have used, and the search for them in every log that they make.

Secrets come from the settings, from requests and from answers. Logs are searched where they end: those of the
application inside the test at the end of each test, that of `python main.py` when it has stopped, and every other file
of logs (supervisor's, nginx's) at the end of the run. Each worker of pytest-xdist searches what it has made.
"""

import json
import logging
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from pydantic import BaseModel, SecretStr

from conf.settings import Settings
from scripts.fuzzing.leaks import Secrets

USED = Secrets()
_HEADERS = {"authorization", "liteav-sig"}
_FIELDS = {"password", "old_password", "refresh_token", "sign"}
_ISSUING = ("/login", "/refresh", "_sign")
"""The ends of the paths whose answers hold nothing but secrets beside a few numbers and names."""
_NAMES = {"userid", "account_type", "bucket", "region", "appid", "sub_app_id"}


def remember_settings(settings: Settings) -> None:
    """Search for the keys of a server. The addresses of the stores hold none in the tests."""
    USED.add(*(text for text in _secrets_of(settings) if "://" not in text))


def _secrets_of(model: BaseModel) -> Iterator[str]:
    for _, value in model:
        if isinstance(value, BaseModel):
            yield from _secrets_of(value)
        elif isinstance(value, SecretStr):
            yield value.get_secret_value()


def remember_request(headers: Mapping[str, str], body: bytes) -> None:
    """Search for what a request proves its caller with."""
    for name, value in headers.items():
        if name.lower() in _HEADERS:
            USED.add(value, value.partition(" ")[2])
    try:
        fields = json.loads(body)
    except (ValueError, RecursionError):
        return
    if isinstance(fields, dict):
        userid = str(fields.get("userid"))  # the log may have it, whatever else it is
        USED.add_all_in([value for name, value in fields.items() if name in _FIELDS and str(value) not in userid])


def remember_answer(path: str, answer: Any) -> None:
    """Search for what an answer has issued."""
    data = answer.get("data") if isinstance(answer, dict) else None
    if path.endswith(_ISSUING) and isinstance(data, dict):
        USED.add_all_in(_without_names(data))


def _without_names(data: Mapping[str, Any]) -> dict[str, Any]:
    return {
        name: _without_names(value) if isinstance(value, dict) else value
        for name, value in data.items()
        if name.lower() not in _NAMES
    }


def in_text(text: str, where: object) -> list[str]:
    """The secrets in the text of a log, with the lines in which they stand."""
    return (
        [f"{where}: {secret} in {line}" for line in text.splitlines() for secret in sorted(USED.found_in(line))]
        if USED.found_in(text)
        else []
    )


def in_events(events: Iterable[Mapping[str, Any]]) -> list[str]:
    """The secrets in events of structlog."""
    return in_text("\n".join(json.dumps(event, default=str, ensure_ascii=False) for event in events), "log")


def in_records(records: Iterable[logging.LogRecord]) -> list[str]:
    """The secrets in the log of a library."""
    return in_text("\n".join(map(logging.Formatter().format, records)), "log of a library")


def in_files(folder: Path) -> list[str]:
    """The secrets in all files of logs below a folder."""
    return [leak for path in logs_below(folder) for leak in in_text(path.read_text(errors="replace"), path)]


def logs_below(folder: Path) -> list[Path]:
    """The files that servers and proxies write their logs to. What a store keeps in its `data` is none."""
    return [
        path
        for path in folder.rglob("*")
        if path.is_file()
        and (path.name in ("log", "output") or ".log" in path.name)
        and "data" not in path.relative_to(folder).parts
    ]
