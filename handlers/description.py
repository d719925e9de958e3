"""The part of the API description that neither the parameters nor the answer of a handler can tell."""

from collections.abc import Mapping
from typing import NamedTuple

from services.errors import Code
from services.texts import Text


class Description(NamedTuple):
    """A handler in words. `refusals` has the codes of its own and for each a message that it sends."""

    tag: Text
    summary: Text
    details: Text = Text("", "")
    refusals: Mapping[Code, str] = {}
