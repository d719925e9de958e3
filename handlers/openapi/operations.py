"""An interface as an operation of OpenAPI: its request and all its answers."""

from collections.abc import Iterator, Mapping
from typing import TypeVar

from handlers.base import BaseHandler
from handlers.description import Description
from handlers.errors import HTTP_CODES
from handlers.interfaces import InterfaceHandler, UserHandler
from handlers.openapi.schemas import (
    Schema,
    body_models,
    data_type,
    envelope,
    example,
    reference,
    schema_of,
)
from handlers.openapi.texts import ANSWER, described
from handlers.schemas.caller import CallerFields
from handlers.system import ProbeHandler
from handlers.webhooks.tape_callback import CallbackCode, TapeCallbackHandler
from services.errors import Code
from services.texts import ExplainedCode, Text
from services.validation import NoParameters, Parameters, rules

# The errors that any interface can answer, with a message for each.
COMMON = {
    Code.BAD_REQUEST: "the body is not JSON",
    Code.BODY_TOO_LARGE: "the body is longer than 65536 bytes",
    Code.INTERNAL: "internal error",
    Code.UNAVAILABLE: "temporarily unavailable",
}
_RETRIED = {Code.TOO_FREQUENT, Code.UNAVAILABLE}

AnyCode = TypeVar("AnyCode", bound=ExplainedCode)


def description_of(handler: type[BaseHandler]) -> Description:
    """The description of a handler that has one."""
    assert handler.description is not None
    return handler.description


def operation(path: str, handler: type[BaseHandler]) -> Schema:
    """The operation of a path."""
    description = description_of(handler)
    responses = _callback_responses(handler) if issubclass(handler, TapeCallbackHandler) else _responses(handler)
    return {
        "operationId": path.strip("/").replace("/", "_").replace(".", "_"),
        "tags": [description.tag.en],
        "summary": description.summary.en,
        "x-summary-zh": description.summary.zh,
        **(described(description.details) if description.details.en else {}),
        **_request(handler),
        "responses": responses,
    }


def schemas(handler: type[BaseHandler]) -> Iterator[tuple[str, Schema]]:
    """The schemas that the operation of the handler refers to."""
    for model in body_models(handler):
        yield model.__name__, schema_of(model)
    data = data_type(handler)
    if data is not None:
        schema = schema_of(data)
        yield from schema.pop("$defs", {}).items()
        yield data.__name__, schema
    if issubclass(handler, TapeCallbackHandler):
        yield from _callback_schemas(handler)
        for code in _refusals(handler):
            yield _error_name(code), envelope([code])
        return
    yield _success_name(handler), envelope([Code.OK], data.__name__ if data else "")
    if refused := [code for code in _refusals(handler) if code not in HTTP_CODES]:
        yield _refusal_name(handler), envelope(refused)
    for code in _refusals(handler).keys() & HTTP_CODES:
        yield _error_name(code), envelope([code])


def common_schemas() -> Iterator[tuple[str, Schema]]:
    """The schemas of the errors that any interface can answer."""
    for code in COMMON:
        yield _error_name(code), envelope([code])


def error(code: Code, message: str) -> Schema:
    """An answer whose HTTP status is its code."""
    headers = {"Retry-After": {"$ref": "#/components/headers/Retry-After"}} if code in _RETRIED else {}
    return _response(code.meaning, reference(_error_name(code)), _examples({code: message}), headers)


def _request(handler: type[BaseHandler]) -> Schema:
    models = body_models(handler)
    if not models:
        return {}
    schemas = [reference(model.__name__) for model in models]
    schema = schemas[0] if len(schemas) == 1 else {"allOf": schemas}
    shown = [example(schema_of(model)) for model in models if model is not CallerFields]
    whole = {name: value for each in shown for name, value in each.items()}
    body = {"required": True, "content": {"application/json": {"schema": schema, "example": whole}}}
    if not issubclass(handler, UserHandler):
        return {"requestBody": body}
    return {"requestBody": body, "security": [{"bearer": []}, {"liteavSig": []}]}


def _responses(handler: type[BaseHandler]) -> Schema:
    refusals = _refusals(handler)
    common = [] if issubclass(handler, ProbeHandler) else COMMON
    errors = {str(int(code)): _common_error(code) for code in common}
    errors |= {str(int(code)): error(code, message) for code, message in refusals.items() if code in HTTP_CODES}
    refused = {code: message for code, message in refusals.items() if code not in HTTP_CODES}
    return {"200": _answer(handler, refused), **dict(sorted(errors.items()))}


def _callback_responses(handler: type[TapeCallbackHandler]) -> Schema:
    done = reference(f"{_name(handler)}Answer")
    responses = {"200": _response(CallbackCode.OK.meaning, done, {"0 OK": {"value": {"code": 0}}})}
    for status, messages in handler.refusals.items():
        meaning = Text("; ".join(code.meaning.en for code in messages), "；".join(code.meaning.zh for code in messages))
        responses[str(status)] = _response(meaning, reference(f"{_name(handler)}Refusal{status}"), _examples(messages))
    for code in (Code.BODY_TOO_LARGE, Code.INTERNAL, Code.UNAVAILABLE):
        responses[str(int(code))] = _common_error(code)
    errors = {str(int(code)): error(code, message) for code, message in _refusals(handler).items()}
    return dict(sorted({**responses, **errors}.items()))


def _callback_schemas(handler: type[TapeCallbackHandler]) -> Iterator[tuple[str, Schema]]:
    code = {"type": "integer", "const": 0}
    yield f"{_name(handler)}Answer", {"type": "object", "required": ["code"], "properties": {"code": code}}
    for status, messages in handler.refusals.items():
        yield f"{_name(handler)}Refusal{status}", envelope(messages)


def _refusals(handler: type[BaseHandler]) -> dict[Code, str]:
    """The codes that an interface answers besides the common ones, with a message for each."""
    refusals = dict(description_of(handler).refusals)
    if issubclass(handler, UserHandler):
        refusals[Code.INVALID_TOKEN] = "the token is wrong, expired or replaced by a newer login"
        refusals[Code.INVALID_PARAM] = "timestamp: must be a number"
    if issubclass(handler, InterfaceHandler) and handler.parameters is not NoParameters:
        parameters: type[Parameters] = handler.parameters
        in_words, codes = rules(parameters), parameters.codes
        name, rule = next(iter(in_words.items()))
        refusals[Code.INVALID_PARAM] = f"{name}: is required" if name in codes else f"{name}: must be {rule}"
        refusals |= {code: f"{field}: must be {in_words[field]}" for field, code in codes.items()}
    return dict(sorted(refusals.items()))


def _answer(handler: type[BaseHandler], refusals: Mapping[Code, str]) -> Schema:
    """Success, or a refusal in the HTTP status 200."""
    success = reference(_success_name(handler))
    data = data_type(handler)
    value = {"code": 200, "message": "OK", **({} if data is None else {"data": example(schema_of(data))})}
    schema = {"oneOf": [success, reference(_refusal_name(handler))]} if refusals else success
    return _response(ANSWER, schema, {"200 OK": {"value": value}, **_examples(refusals)})


def _success_name(handler: type[BaseHandler]) -> str:
    return "OK" if data_type(handler) is None else f"{_name(handler)}Answer"


def _refusal_name(handler: type[BaseHandler]) -> str:
    return f"{_name(handler)}Refusal"


def _name(handler: type[BaseHandler]) -> str:
    return handler.__name__.removesuffix("Handler")


def _error_name(code: Code) -> str:
    return f"Error{code:d}"


def _common_error(code: Code) -> Schema:
    return {"$ref": f"#/components/responses/{_error_name(code)}"}


def _examples(messages: Mapping[AnyCode, str]) -> Schema:
    return {f"{code:d} {code.name}": {"value": {"code": int(code), "message": text}} for code, text in messages.items()}


def _response(text: Text, schema: Schema, examples: Schema, headers: Schema | None = None) -> Schema:
    return {
        **described(text),
        "headers": {"X-Request-Id": {"$ref": "#/components/headers/X-Request-Id"}, **(headers or {})},
        "content": {"application/json": {"schema": schema, "examples": examples}},
    }
