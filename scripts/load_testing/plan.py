"""The settings of one load test. The command makes them, and Locust's processes read them from their environment."""

import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass

VARIABLE = "LOAD_TEST_PLAN"


@dataclass(frozen=True)
class Plan:
    """Who visits which server, and how. Names that end with `_s` are seconds; the pauses of users are means."""

    url: str
    ca: str | None
    callback_key: str | None
    bizid: str
    prefix: str
    users: int
    processes: int
    duration_s: int | None
    weights: Mapping[str, int]
    """The shares of the journeys, by the name of their class in journeys.py."""
    ios_percent: int
    think_s: float
    away_s: float
    broadcast_s: float
    callback_delay_s: float
    result: str
    """The file that Locust's main process writes at the end."""

    @property
    def accounts(self) -> int:
        """The number of accounts, of which every process gets the same number."""
        return -(-self.users // self.processes) * self.processes

    def environment(self) -> dict[str, str]:
        """The variable that `from_environment` reads."""
        return {VARIABLE: json.dumps(asdict(self))}

    @classmethod
    def from_environment(cls) -> "Plan":
        """The plan that the command handed to this process."""
        return cls(**json.loads(os.environ[VARIABLE]))
