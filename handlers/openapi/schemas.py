"""JSON Schemas of parameters and answers, and the examples in them."""

from collections.abc import Iterable
from types import NoneType
from typing import Any, get_type_hints

from pydantic import TypeAdapter

from handlers.base import BaseHandler
from handlers.interfaces import InterfaceHandler, PublicHandler, UserHandler
from handlers.lists import PageHandler
from handlers.openapi.texts import ENVELOPE_CODE, ENVELOPE_MESSAGE, described
from handlers.schemas.caller import CallerFields
from handlers.system import ProbeHandler
from handlers.webhooks.tape_callback import TapeCallbackHandler
from services.errors import Code
from services.texts import ExplainedCode
from services.validation import NoParameters, Parameters

Schema = dict[str, Any]

_REF = "#/components/schemas/{model}"
_NULL = {"type": "null"}


def reference(name: str) -> Schema:
    """A reference to a schema of the document."""
    return {"$ref": _REF.format(model=name)}


def body_models(handler: type[BaseHandler]) -> tuple[type[Parameters], ...]:
    """The models that the body of a request fits, all at once."""
    if issubclass(handler, TapeCallbackHandler):
        return handler.parameters
    if issubclass(handler, UserHandler):
        return (CallerFields,) if handler.parameters is NoParameters else (CallerFields, handler.parameters)
    return (handler.parameters,) if issubclass(handler, InterfaceHandler) else ()


def data_type(handler: type[BaseHandler]) -> Any:
    """The type of the `data` of an answer, as the handler declares it. None without one."""
    if issubclass(handler, PageHandler):
        hints = get_type_hints(handler.list_page)
    elif issubclass(handler, UserHandler | PublicHandler | ProbeHandler):
        hints = get_type_hints(handler.serve)
    else:
        return None
    return None if hints["return"] is NoneType else hints["return"]


def schema_of(model: Any) -> Schema:
    """The JSON Schema of a model or a typed dict, with its parts in `$defs`."""
    schema: Schema = _plain(TypeAdapter(model).json_schema(ref_template=_REF))
    return schema


def envelope(codes: Iterable[ExplainedCode], data: str = "") -> Schema:
    """An answer with one of the codes, and with the named schema as its `data`."""
    values = [int(code) for code in codes]
    code: Schema = {"const": values[0]} if len(values) == 1 else {"enum": values}
    message: Schema = {"const": "OK"} if values == [Code.OK] else {}
    schema: Schema = {
        "type": "object",
        "required": ["code", "message"],
        "properties": {
            "code": {"type": "integer", **code, **described(ENVELOPE_CODE)},
            "message": {"type": "string", **message, **described(ENVELOPE_MESSAGE)},
        },
    }
    if data:
        schema["required"].append("data")
        schema["properties"]["data"] = reference(data)
    return schema


def example(schema: Schema) -> Schema:
    """An object of the examples of its fields. What only some servers answer is left out."""
    return {
        name: _field_example(field, schema)
        for name, field in schema["properties"].items()
        if "x-rule" in field or name in schema["required"]
    }


def _field_example(field: Schema, schema: Schema) -> Any:
    if "examples" in field:
        return field["examples"][0]
    if field.get("type") == "array":
        return [_field_example(field["items"], schema)]
    part = schema["$defs"][field["$ref"].rpartition("/")[2]]
    return example({**part, "$defs": schema["$defs"]})


def _plain(part: Any) -> Any:
    """A schema without what its readers do not need: titles, docstrings, and that null counts as absent."""
    if isinstance(part, list):
        return [_plain(each) for each in part]
    if not isinstance(part, dict):
        return part
    if _NULL in part.get("anyOf", []):
        (present,) = (each for each in part["anyOf"] if each != _NULL)
        part = {**present, **{name: value for name, value in part.items() if name not in ("anyOf", "default")}}
    dropped = {"title", "description"} if "properties" in part else {"title"}
    return {name: _plain_keyword(name, value) for name, value in part.items() if name not in dropped}


def _plain_keyword(name: str, value: Any) -> Any:
    if name in ("properties", "$defs"):  # the names in them are ours, not keywords
        return {field: _plain(schema) for field, schema in value.items()}
    return _plain(value)
