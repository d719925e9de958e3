"""The API description is complete, valid and in both languages, and its files are fresh."""

import re
from collections.abc import Iterator
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from openapi_spec_validator import validate

from conf.settings import ROOT
from handlers.base import BaseHandler
from handlers.openapi.document import document, in_chinese
from handlers.routes import ROUTES
from handlers.webhooks.tape_callback import CallbackCode
from scripts.documentation.files import files
from services.errors import Code
from tests.harness.description import description

LANGUAGES = [description(), in_chinese(description())]
OPERATIONS = [
    (path, operation) for path, item in description()["paths"].items() for operation in item.values()
]  # in English


def parts(part: Any, place: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    """Every object in the document, with its place."""
    if isinstance(part, dict):
        yield place, part
        for name, value in part.items():
            if name not in ("example", "examples"):
                yield from parts(value, f"{place}/{name}")
    if isinstance(part, list):
        for number, value in enumerate(part):
            yield from parts(value, f"{place}/{number}")


CODES = {int(code) for code in (*Code, *CallbackCode)} | {1, 201, 4003}  # and some that nobody answers


def fits(schema: dict[str, Any], value: Any) -> bool:
    """True when a value is valid by a schema of the document."""
    valid: bool = Draft202012Validator({**description(), **schema}).is_valid(value)
    return valid


@pytest.mark.parametrize(("path", "text"), files().items())
def test_the_committed_files_are_fresh(path: str, text: str) -> None:
    assert (ROOT / path).read_text() == text, "run ./scripts/apidoc"


@pytest.mark.parametrize("whole", LANGUAGES)
def test_the_document_is_valid_openapi(whole: dict[str, Any]) -> None:
    validate(whole)


@pytest.mark.parametrize(("path", "handler"), ROUTES)
def test_every_interface_is_described(path: str, handler: type[BaseHandler]) -> None:
    assert path in description()["paths"]


def test_every_text_is_in_both_languages() -> None:
    names = {"description", "summary", "x-rule"}
    for place, part in parts(document()):
        for name in names & part.keys():
            if isinstance(part[name], str):
                english, chinese = part[name], part[f"{name if name.startswith('x-') else f'x-{name}'}-zh"]
                assert english, place
                assert re.search("[一-鿿]", chinese) or (name == "x-rule" and not re.search("[a-z]{3}", english)), place
                assert name == "description" or not re.search("[一-鿿]", english), place


def test_the_chinese_document_says_the_same_in_chinese_only() -> None:
    english, chinese = LANGUAGES
    assert [place for place, _ in parts(chinese)] == [place for place, _ in parts(english)]
    assert not [name for _, part in parts(chinese) for name in part if name.endswith("-zh")]
    assert not {tag["name"] for tag in chinese["tags"]} & {tag["name"] for tag in english["tags"]}
    for item in chinese["paths"].values():
        for operation in item.values():
            assert operation["tags"][0] in [tag["name"] for tag in chinese["tags"]]


@pytest.mark.parametrize(("path", "operation"), OPERATIONS)
def test_every_example_fits_its_schema(path: str, operation: dict[str, Any]) -> None:
    contents = [response.get("content") for response in operation["responses"].values()]
    examples = [
        (content["application/json"]["schema"], example["value"])
        for content in contents
        if content is not None
        for example in content["application/json"]["examples"].values()
    ]
    assert examples
    if "requestBody" in operation:
        content = operation["requestBody"]["content"]["application/json"]
        examples.append((content["schema"], content["example"]))
    for schema, value in examples:
        assert fits(schema, value), value


@pytest.mark.parametrize(("path", "operation"), OPERATIONS)
def test_every_refused_code_has_an_example(path: str, operation: dict[str, Any]) -> None:
    for response in operation["responses"].values():
        if "content" in response:
            content = response["content"]["application/json"]
            codes = {example["value"]["code"] for example in content["examples"].values()}
            schemas = content["schema"].get("oneOf", [content["schema"]])
            for code in CODES:
                known = any(fits(schema, {"code": code, "message": "x"}) for schema in schemas)
                assert known <= (code in codes), code


@pytest.mark.parametrize(
    ("example", "call"), [("python/example.py", "{}.sync("), ("typescript/example.ts", 'POST("/{}"')]
)
def test_the_example_clients_call_every_interface(example: str, call: str) -> None:
    text = (ROOT / "docs" / "clients" / example).read_text()
    others = ("/callback/", "/lite/")  # called by the live service, and by the short-video app
    paths = [path for path, operation in OPERATIONS if "requestBody" in operation and not path.startswith(others)]
    assert [path for path in paths if call.format(path[1:]) not in text] == []
