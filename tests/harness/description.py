"""The API description as a check: every answer in every test has to fit it."""

from functools import cache
from typing import Any

from jsonschema import Draft202012Validator

from handlers.openapi.document import document


@cache
def description() -> dict[str, Any]:
    """The document."""
    return document()


@cache
def validator(pointer: str) -> Draft202012Validator:
    """A validator of the schema at a pointer (RFC 6901) into the document."""
    return Draft202012Validator({**description(), "$ref": f"#{pointer}"})


def operation(method: str, path: str) -> dict[str, Any] | None:
    """The description of an interface, None if there is no such interface or it takes another method."""
    found: dict[str, Any] | None = description()["paths"].get(path, {}).get(method.lower())
    return found


def check_answer(method: str, path: str, status: int, answer: Any) -> None:
    """Fail unless the description knows such an answer. No interface describes 404 and 405."""
    described = operation(method, path)
    if described is None or status in (404, 405):
        return
    response = described["responses"].get(str(status))
    assert response is not None, f"{path} does not describe the status {status}"
    place = f"{'get' if method == 'GET' else 'post'}/responses/{status}"
    base = response["$ref"].removeprefix("#") if "$ref" in response else f"/paths/{path.replace('/', '~1')}/{place}"
    errors = list(validator(f"{base}/content/application~1json/schema").iter_errors(answer))
    assert not errors, f"{path} answers what it does not describe: {answer}: {errors[0].message}"
