"""A login storm: many first logins, each with a password to hash, while other users send requests."""

import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from scripts.benchmark.checks import Client
from scripts.benchmark.measure import Bench
from scripts.benchmark.population import PASSWORD, User
from scripts.benchmark.requests import RETURNING, guests, of_all_users

STORM = 200
OTHERS = 16  # connections
MAX_P99_MS = 50.0
_MAX_STORM_S = 300.0


@dataclass(frozen=True)
class Storm:
    """First logins per second, and the latency (ms) of the other users' requests during the storm and before it."""

    logins_per_second: float
    others_p50: float
    others_p99: float
    calm_p99: float
    errors: int

    @property
    def met(self) -> bool:
        """True when the other requests stay within their latency limit and nothing fails."""
        return self.others_p99 < MAX_P99_MS and not self.errors


def measure(bench: Bench) -> Storm:
    """Log 200 users in at once."""
    prepared = bench.wrk.prepare("storm", of_all_users("/get_user_info"))
    with ThreadPoolExecutor(STORM) as pool:

        def storm() -> float:
            start = time.monotonic()
            list(pool.map(lambda guest: _log_in(bench.real.port, guest), guests(RETURNING + 1, STORM)))
            return time.monotonic() - start

        calm = bench.checked(lambda: bench.wrk.run(bench.real.port, prepared, 2, connections=OTHERS))
        with ThreadPoolExecutor(1) as background:
            running = background.submit(storm)
            others = bench.checked(
                lambda: bench.wrk.run(bench.real.port, prepared, _MAX_STORM_S, connections=OTHERS, enough=running.done),
                others=STORM,
            )
            return Storm(STORM / running.result(), others.p50, others.p99, calm.p99, others.errors)


def _log_in(port: int, guest: User) -> None:
    client = Client(port, guest)
    client.call("/login", {"password": PASSWORD})
    client.close()
