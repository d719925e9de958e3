"""The types of parameters and their rules (decisions, section 4).

A type has its rule in words beside the constraint: a refusal quotes it, and so does the JSON Schema (`x-rule`).
Constraints stand before validators, because only then pydantic writes them into the JSON Schema.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Annotated, Any, ClassVar, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, GetJsonSchemaHandler, TypeAdapter, ValidationError
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, PydanticCustomError

from services.errors import Code, ServiceError

P = TypeVar("P", bound="Parameters")


@dataclass(frozen=True)
class Rule:
    """The rule of a type in words, as they follow "must be"."""

    en: str
    zh: str

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        return {**handler(schema), "x-rule": self.en, "x-rule-zh": self.zh}


def _integer(value: object) -> object:
    if isinstance(value, str) and value.removeprefix("-").isdecimal() and value.isascii() and len(value) <= 40:
        return int(value)
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    raise PydanticCustomError("integer", "must be an integer")


INTEGER = BeforeValidator(_integer)
"""Accepts a JSON number and its decimal text (Android's `"index": "0"`)."""

_USERID = r"^[A-Za-z0-9][A-Za-z0-9_-]{0,31}$"
# Digits and "_" are the prefix of a stream id: nobody may pose as the user behind it (decisions, section 6).
_NEW_USERID = r"^([0-9]+|[0-9]*[A-Za-z][A-Za-z0-9_-]*|[0-9]+-[A-Za-z0-9_-]*)$"
# The control characters (Unicode category Cc), and the overrides, embeddings and isolates of text direction, which make
# what others read something else than what is there (UAX #9). Every reader of JSON Schema knows the ranges.
_CONTROL = r"\x00-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069"
_TEXT = rf"^[^{_CONTROL}]*$"
_URL = (
    rf"^[Hh][Tt][Tt][Pp][Ss]?://([^\s{_CONTROL}/?#@\\]*@)?"
    rf"(\[[0-9A-Fa-f:.]+\]|[^\s{_CONTROL}:/?#@\[\]\\]+)(:[0-9]{{1,5}})?([/?#][^\s{_CONTROL}]*)?$"
)

# Of texts, in characters.
MAX_NICKNAME = 100
MAX_TITLE = MAX_LOCATION = 128
MAX_LONG_TITLE = 500


def _text_rule(max_length: int) -> Rule:
    return Rule(
        f"at most {max_length} characters, without control characters, those of text direction included",
        f"最多 {max_length} 个字符，不含控制字符（包括文本方向控制符）",
    )


Userid = Annotated[
    str,
    Field(pattern=_USERID),
    Rule(
        "1 to 32 letters, digits, '_' or '-', beginning with a letter or a digit",
        "1 到 32 个字母、数字、“_”或“-”，以字母或数字开头",
    ),
]
OptionalUserid = Annotated[
    str,
    Field(pattern=rf"^$|{_USERID}"),
    Rule(
        "1 to 32 letters, digits, '_' or '-', beginning with a letter or a digit, or empty",
        "1 到 32 个字母、数字、“_”或“-”，以字母或数字开头，或空字符串",
    ),
]
NewUserid = Annotated[
    str,
    Field(max_length=32, pattern=_NEW_USERID),
    Rule(
        "1 to 32 letters, digits, '_' or '-', beginning with a letter or a digit, but not with digits and '_'",
        "1 到 32 个字母、数字、“_”或“-”，以字母或数字开头，但不能以数字加“_”开头",
    ),
]
Password = Annotated[
    str,
    Field(pattern=r"^[!-~]{1,128}$"),
    Rule("1 to 128 printable ASCII characters without spaces", "1 到 128 个可打印 ASCII 字符，不含空格"),
]
Nickname = Annotated[str, Field(max_length=MAX_NICKNAME, pattern=_TEXT), _text_rule(MAX_NICKNAME)]
Title = Annotated[str, Field(max_length=MAX_TITLE, pattern=_TEXT), _text_rule(MAX_TITLE)]
Location = Title
LongTitle = Annotated[str, Field(max_length=MAX_LONG_TITLE, pattern=_TEXT), _text_rule(MAX_LONG_TITLE)]
Url = Annotated[
    str,
    Field(max_length=1024, pattern=_URL),
    Rule("an absolute http(s) URL of at most 1024 characters", "最多 1024 个字符的 http(s) 绝对地址"),
]
OptionalUrl = Annotated[
    str,
    Field(max_length=1024, pattern=rf"^$|{_URL}"),
    Rule(
        "an absolute http(s) URL of at most 1024 characters, or empty",
        "最多 1024 个字符的 http(s) 绝对地址，或空字符串",
    ),
]
FileId = Annotated[
    str,
    Field(pattern=r"^[A-Za-z0-9_-]{1,150}$"),
    Rule("1 to 150 letters, digits, '_' or '-'", "1 到 150 个字母、数字、“_”或“-”"),
]
Sex = Annotated[int, Field(ge=-1, le=1), INTEGER, Rule("-1, 0 or 1", "-1、0 或 1")]

_is_userid = re.compile(_USERID).fullmatch
_control_characters = re.compile(f"[{_CONTROL}]+")


def is_userid(text: str) -> bool:
    """True for a text that can be a userid."""
    return _is_userid(text) is not None


def accepts(type_: Any) -> Callable[[object], bool]:
    """A function that is true for the values of one of these types."""
    validator = TypeAdapter(type_, config=ConfigDict(strict=True)).validator

    def is_valid(value: object) -> bool:
        return validator.isinstance_python(value)

    return is_valid


def without_control_characters(text: str) -> str:
    """The text with a space in place of them."""
    return _control_characters.sub(" ", text)


class Parameters(BaseModel):
    """Named values from outside. Unknown ones are ignored, and a JSON null counts as absent.

    A text needs a constraint: pydantic does not look at the characters of a bare `str`, which may be lone surrogates.
    """

    model_config = ConfigDict(extra="ignore", strict=True, frozen=True)

    codes: ClassVar[Mapping[str, Code]] = {}
    """The code for a malformed value of a field, where it is not INVALID_PARAM."""


class NoParameters(Parameters):
    """The parameters of an interface that takes none."""


def validate(model: type[P], values: Mapping[str, Any]) -> P:
    """The typed values. Raises ServiceError with the name and the rule of each bad one, and the code of the first."""
    try:
        if None in values.values():
            values = {name: value for name, value in values.items() if value is not None}
        return model.model_validate(values)
    except ValidationError as error:
        problems = {str(problem["loc"][0]): problem["type"] for problem in error.errors(include_url=False)}
    message = "; ".join(f"{name}: {_rule(model, name, problem)}" for name, problem in problems.items())
    name, problem = next(iter(problems.items()))
    code = Code.INVALID_PARAM if problem == "missing" else model.codes.get(name, Code.INVALID_PARAM)
    raise ServiceError(code, message)


def _rule(model: type[Parameters], name: str, problem: str) -> str:
    match problem:
        case "missing":
            return "is required"
        case "string_type":
            return "must be a string"
        case "string_unicode":
            return "must not contain lone surrogates"
        case _:
            return f"must be {rules(model)[name]}"


@cache
def rules(model: type[Parameters]) -> dict[str, str]:
    """The rule of each field, in words."""
    properties = model.model_json_schema()["properties"]
    # The schema of an optional field is `anyOf` its type and null.
    return {name: {**schema, **schema.get("anyOf", [{}])[0]}["x-rule"] for name, schema in properties.items()}
