"""The parameters of a list."""

from typing import Annotated

from pydantic import AfterValidator, Field

from services.texts import described
from services.validation import INTEGER, Parameters, Rule

_MAX_SERVED = 500


def _served(count: int) -> int:
    """The number of rows that are served of those asked for."""
    return min(count, _MAX_SERVED)


Index = Annotated[int, Field(ge=0), INTEGER, Rule("an integer of at least 0", "不小于 0 的整数")]
Count = Annotated[
    int,
    Field(ge=1),
    INTEGER,
    AfterValidator(_served),
    Rule("an integer of at least 1", "不小于 1 的整数"),
    described(
        f"number of rows, of which at most {_MAX_SERVED} are served", f"拉取记录数，最多返回 {_MAX_SERVED} 条", 20
    ),
]


class PageRequest(Parameters):
    """A part of a list."""

    index: Annotated[Index, described("offset of the first row (not a page number)", "起始索引（不是页码）", 0)] = 0
    count: Count = 20
