"""The deadline of a request, for the handlers (`models.deadline`)."""

from models.deadline import Deadline, begin

__all__ = ["Deadline", "begin"]
