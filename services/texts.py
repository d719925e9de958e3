"""Texts for readers of the API description, in English and in Chinese, beside what they describe."""

from enum import IntEnum
from typing import Any, NamedTuple, Self

from pydantic import Field


class Text(NamedTuple):
    """One meaning in both languages."""

    en: str
    zh: str


class ExplainedCode(IntEnum):
    """Base of enumerations whose members are `value, English meaning, Chinese meaning`."""

    meaning: Text

    def __new__(cls, value: int, en: str = "", zh: str = "") -> Self:
        """A member. The texts have defaults because `Code(404)` looks one up."""
        member = int.__new__(cls, value)
        member._value_ = value
        member.meaning = Text(en, zh)
        return member


def described(en: str, zh: str, example: str | int | list[str]) -> Any:
    """The description of a field and an example of its value, for its annotation."""
    return Field(description=en, examples=[example], json_schema_extra={"x-description-zh": zh})


def described_object(en: str, zh: str) -> Any:
    """The description of a field that is an object or a list: its example is made of those of its fields."""
    return Field(description=en, json_schema_extra={"x-description-zh": zh})
