"""The parameters of a list."""

from typing import Annotated

from pydantic import AfterValidator, Field

from services.validation import INTEGER, Parameters, Rule

_MAX_SERVED = 500


def _served(count: int) -> int:
    return min(count, _MAX_SERVED)


class PageRequest(Parameters):
    """A part of a list."""

    index: Annotated[int, Field(ge=0), INTEGER, Rule("an integer of at least 0")] = Field(
        0, description="offset of the first row"
    )
    count: Annotated[int, Field(ge=1), INTEGER, AfterValidator(_served), Rule("an integer of at least 1")] = Field(
        20, description=f"number of rows, of which at most {_MAX_SERVED} are served"
    )
