"""The parameters of a list."""

from typing import Annotated

from pydantic import AfterValidator, Field

from services.texts import described
from services.validation import INTEGER, Parameters, Rule

MAX_SERVED = 500


def served(count: int) -> int:
    """The number of rows that are served of those asked for."""
    return min(count, MAX_SERVED)


class PageRequest(Parameters):
    """A part of a list."""

    index: Annotated[
        int,
        Field(ge=0),
        INTEGER,
        Rule("an integer of at least 0", "不小于 0 的整数"),
        described("offset of the first row (not a page number)", "起始索引（不是页码）", 0),
    ] = 0
    count: Annotated[
        int,
        Field(ge=1),
        INTEGER,
        AfterValidator(served),
        Rule("an integer of at least 1", "不小于 1 的整数"),
        described(
            f"number of rows, of which at most {MAX_SERVED} are served", f"拉取记录数，最多返回 {MAX_SERVED} 条", 20
        ),
    ] = 20
