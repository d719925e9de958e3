"""The models of parameters and answers are ready for a generated API description."""

import importlib
import pkgutil
import re
from collections.abc import Iterator
from typing import Any

import pytest
from pydantic import TypeAdapter, ValidationError
from typing_extensions import is_typeddict

import handlers.schemas
from handlers.schemas.profile import ProfileChanges
from services.errors import ServiceError
from services.tencent import events
from services.validation import Parameters, validate

MODULES = [
    events,
    *(
        importlib.import_module(f"handlers.schemas.{module.name}")
        for module in pkgutil.iter_modules(handlers.schemas.__path__)
    ),
]
CLASSES = {value for module in MODULES for value in vars(module).values() if isinstance(value, type)}
PARAMETERS = sorted((model for model in CLASSES if issubclass(model, Parameters)), key=lambda model: model.__name__)
ANSWERS = sorted((answer for answer in CLASSES if is_typeddict(answer)), key=lambda answer: answer.__name__)
# The keywords of JSON Schema (2020-12) that the models need, and the rule in words.
KEYWORDS = {
    *("type", "anyOf", "items", "$ref", "pattern", "maxLength", "minimum", "maximum"),
    *("title", "description", "default", "examples"),
    *("x-rule", "x-rule-zh", "x-description-zh"),
}


def properties(schema: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """The fields of an object, and of the objects that it refers to."""
    for part in (schema, *schema.get("$defs", {}).values()):
        yield from part["properties"].items()


def types(schema: dict[str, Any]) -> list[dict[str, Any]]:
    """The schema of a field and the alternatives in it."""
    return [schema, *schema.get("anyOf", [])]


@pytest.mark.parametrize("model", PARAMETERS)
def test_every_parameter_has_a_description_a_rule_and_only_keywords_of_json_schema(model: type[Parameters]) -> None:
    for name, schema in properties(model.model_json_schema()):
        assert schema.get("description"), name
        assert any("x-rule" in part for part in types(schema)), name
        assert {keyword for part in types(schema) for keyword in part} <= KEYWORDS, name


@pytest.mark.parametrize("answer", ANSWERS)
def test_every_field_of_an_answer_has_a_description(answer: type) -> None:
    for name, schema in properties(TypeAdapter(answer).json_schema()):
        assert schema.get("description"), name
        assert {keyword for part in types(schema) for keyword in part} <= KEYWORDS, name


TEXTS = [
    *(
        "",
        "a",
        "A-_9",
        "_a",
        "8888_a",
        "8888",
        "1-a",
        "a" * 32,
        "a" * 33,
        "a b",
        "é",
        "😀",
        "a\n",
        "\x00",
        "\x7f",
        "\x85",
    ),
    *(
        "http://a",
        "HTTPS://u@a.b:80/c?d#e",
        "http://[::1]:1",
        "http://",
        "http:// a",
        "ftp://a",
        "http://a/\x85",
        "//a",
    ),
    *("mp4", "hls", "avi", "1700000000", "-1", "1" * 13),
]


@pytest.mark.parametrize("model", PARAMETERS)
def test_a_reader_of_the_json_schema_finds_the_same_texts_valid(model: type[Parameters]) -> None:
    """Python reads the patterns like ECMA-262 here, and the server reads them with a third engine, Rust's."""
    for name, field in properties(model.model_json_schema()):
        for schema in (part for part in types(field) if part.get("type") == "string"):
            pattern = schema.get("pattern", "").replace("$", r"\Z")  # Python's `$` also matches before a last newline
            for text in TEXTS:
                fits = len(text) <= schema.get("maxLength", len(text)) and re.search(pattern, text) is not None
                assert is_accepted(model, name, text) is fits, (name, text)


def is_accepted(model: type[Parameters], name: str, text: str) -> bool:
    """True when a field accepts a text, whatever the other fields do."""
    try:
        model.model_validate({name: text})
    except ValidationError as error:
        return not [problem for problem in error.errors() if problem["loc"] == (name,)]
    return True


def test_every_parameter_model_is_found() -> None:
    assert {"Login", "PageRequest", "ProfileChanges", "Recording", "Registration", "UgcVideo"} <= {
        model.__name__ for model in PARAMETERS
    }
    assert {"LoginData", "ProfileData", "UgcInfo", "VodInfo", "CosSignData"} <= {answer.__name__ for answer in ANSWERS}


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("sex", 7, "sex: must be -1, 0 or 1"),
        ("sex", True, "sex: must be -1, 0 or 1"),
        (
            "nickname",
            "x" * 101,
            "nickname: must be at most 100 characters, without control characters, those of text direction included",
        ),
        ("nickname", 1, "nickname: must be a string"),
        ("avatar", "x", "avatar: must be an absolute http(s) URL of at most 1024 characters, or empty"),
        ("avatar", "\ud800", "avatar: must not contain lone surrogates"),
    ],
)
def test_a_refusal_says_the_rule(name: str, value: object, message: str) -> None:
    with pytest.raises(ServiceError, match=f"^{re.escape(message)}$"):
        validate(ProfileChanges, {name: value})
