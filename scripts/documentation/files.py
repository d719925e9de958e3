"""The files of the API description."""

import json
from typing import Any

from handlers.openapi.document import document, in_chinese
from scripts.documentation.markdown import CHINESE, ENGLISH, markdown


def files() -> dict[str, str]:
    """The text of each file, by its path in the repository."""
    english = document()
    chinese = in_chinese(english)
    return {
        "docs/openapi.json": _json(english),
        "docs/openapi.zh-CN.json": _json(chinese),
        "docs/API.md": markdown(english, ENGLISH),
        "docs/API.zh-CN.md": markdown(chinese, CHINESE),
    }


def _json(value: dict[str, Any]) -> str:
    return json.dumps(value, ensure_ascii=False, indent=1) + "\n"
