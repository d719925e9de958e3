"""Secrets that have been used, and the search for them in the text of a log."""

import json
from collections.abc import Iterable

MIN_LENGTH = 12
"""Characters. Shorter texts are not searched for: a log has them by chance."""


class Secrets:
    """A set of secrets. A search takes as long for a million of them as for one."""

    def __init__(self) -> None:
        self._by_ending: dict[str, set[str]] = {}
        self.count = 0

    def add(self, *texts: str) -> None:
        """Search for these from now on, also as JSON writes them."""
        for text in texts:
            if len(text) >= MIN_LENGTH:
                self.count += 1
                for form in (text, json.dumps(text)[1:-1], json.dumps(text, ensure_ascii=False)[1:-1]):
                    self._by_ending.setdefault(form[-MIN_LENGTH:], set()).add(form)

    def add_all_in(self, value: object) -> None:
        """Add every text in an object that JSON can hold."""
        if isinstance(value, str):
            # A token is the userid, which a log may have, and a secret.
            self.add(value, value.partition(".")[2])
        elif isinstance(value, Iterable):
            for each in value.values() if isinstance(value, dict) else value:
                self.add_all_in(each)

    def found_in(self, text: str) -> set[str]:
        """Those that stand in the text."""
        windows = {text[start : start + MIN_LENGTH] for start in range(len(text) - MIN_LENGTH + 1)}
        return {
            secret
            for ending in windows & self._by_ending.keys()
            for secret in self._by_ending[ending]
            if secret in text
        }
