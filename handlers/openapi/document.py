"""The whole document. English stands in `description` and `summary`, Chinese beside it: `in_chinese` exchanges them."""

from collections.abc import Iterable, Iterator
from typing import Any

from conf.version import VERSION
from handlers import short_video
from handlers.base import BaseHandler
from handlers.openapi.operations import COMMON, common_schemas, description_of, error, operation, schemas
from handlers.openapi.schemas import Schema
from handlers.openapi.texts import BEARER, REQUEST_ID, RETRY_AFTER, SIGNATURE, described, introduction
from handlers.routes import ROUTES
from handlers.system import ProbeHandler

_CHINESE = {f"x-{name}-zh": name for name in ("name", "summary", "description")} | {"x-rule-zh": "x-rule"}


def document() -> Schema:
    """The OpenAPI 3.1 document of all paths whose handler has a description."""
    paths = {path: handler for path, handler in [*ROUTES, *short_video.OWN_ROUTES] if handler.description is not None}
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "xiaozhibo server",
            "version": VERSION,
            "license": {"name": "MIT", "identifier": "MIT"},
            **described(introduction()),
        },
        "servers": [{"url": "/"}],
        "tags": list(_tags(paths.values())),
        "paths": {
            path: {"get" if issubclass(handler, ProbeHandler) else "post": operation(path, handler)}
            for path, handler in paths.items()
        },
        "components": {
            "schemas": _schemas(paths.values()),
            "responses": {f"Error{code:d}": error(code, message) for code, message in COMMON.items()},
            "headers": {
                "X-Request-Id": {**described(REQUEST_ID), "schema": {"type": "string"}},
                "Retry-After": {**described(RETRY_AFTER), "required": True, "schema": {"type": "integer"}},
            },
            "securitySchemes": {
                "bearer": {"type": "http", "scheme": "bearer", **described(BEARER)},
                "liteavSig": {"type": "apiKey", "in": "header", "name": "Liteav-Sig", **described(SIGNATURE)},
            },
        },
    }


def in_chinese(whole: Schema) -> Schema:
    """The document with the Chinese texts in place of the English ones."""
    names = {tag["name"]: tag["x-name-zh"] for tag in whole["tags"]}
    chinese: Schema = _exchange(whole)
    for path in chinese["paths"].values():
        for each in path.values():
            each["tags"] = [names[tag] for tag in each["tags"]]
    return chinese


def _exchange(part: Any) -> Any:
    if isinstance(part, list):
        return [_exchange(each) for each in part]
    if not isinstance(part, dict):
        return part
    texts = {_CHINESE[name]: text for name, text in part.items() if name in _CHINESE}
    return {name: texts.get(name, _exchange(value)) for name, value in part.items() if name not in _CHINESE}


def _schemas(handlers: Iterable[type[BaseHandler]]) -> Schema:
    named = [*common_schemas(), *(each for handler in handlers for each in schemas(handler))]
    return dict(sorted(named))  # sorting compares two schemas of one name: they are equal, or it fails


def _tags(handlers: Iterable[type[BaseHandler]]) -> Iterator[Schema]:
    for tag in dict.fromkeys(description_of(handler).tag for handler in handlers):
        yield {"name": tag.en, "x-name-zh": tag.zh}
