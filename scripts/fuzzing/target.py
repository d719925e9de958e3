"""The server under attack, and the judgement of everything that it does."""

import math
import time
from collections import Counter
from collections.abc import Callable, Sequence

from scripts.fuzzing.exchange import HANG_S, Address, Answer, Client, Ending, Hang, Request, send_raw
from scripts.fuzzing.leaks import Secrets
from scripts.fuzzing.witness import Witness, is_failure_line

_SHRINK_S = 15
"""Time to look for the least that breaks a promise, from the first time on."""
_UNAVAILABLE = 503
_PROXYS_OWN = {501, 505}
"""What nginx answers to a coding or a version that it does not know."""


class Violation(AssertionError):
    """The server has broken a promise, which the message names."""


class Breakdown(BaseException):
    """The server hangs or a worker has ended. Hypothesis lets it pass: to repeat the case would show nothing more."""


class Target:
    """Sends cases and judges them. Without a witness only the answers are judged.

    `on_case` is called after each case. Raises Violation or Breakdown.
    """

    def __init__(
        self,
        address: Address,
        *,
        callback_key: str,
        witness: Witness | None,
        on_case: Callable[[], None],
    ) -> None:
        self.address = address
        self.callback_key = callback_key
        self.secrets = Secrets()
        self.secrets.add(callback_key)
        self.cases = 0
        self.answers: Counter[str] = Counter()
        """The number of answers of each kind: by status and code."""
        self.longest_s = 0.0
        self.steps: list[str] = []
        """The cases of the present visit, to be repeated by hand."""
        self.failure = ""
        """The promise that the shortest visit has broken, and `failing_steps` its cases."""
        self.failing_steps: list[str] = []
        self._first_failure_s = math.inf
        self._witness = witness
        self._on_case = on_case
        self._client = Client(address)
        self._rows: int | None = witness.rows_changed() if witness else None

    def begin(self) -> None:
        """Begin a visit."""
        self.steps = []

    def judge_end(self) -> None:
        """Search the last lines of the log."""
        if self._witness and (faults := self._faults_in(self._witness.new_lines())):
            raise self._violation("\n".join(faults))

    def summary(self) -> str:
        """How much has been searched."""
        lines = f"{self._witness.log_lines:,} lines of the log" if self._witness else "no log"
        return f"{lines} searched for {self.secrets.count:,} secrets"

    def close(self) -> None:
        """Close the connection."""
        self._client.close()

    def send(self, request: Request, *, may_pass: bool = True) -> Answer:
        """Send a request. `may_pass` is False for one that nobody has authenticated."""
        self.steps.append(f"{request.method} {request.path} {request.headers} {request.body!r}")
        started = time.monotonic()
        try:
            answer = self._client.send(request)
        except Hang:
            raise self._breakdown(f"no answer within {HANG_S} s") from None
        except OSError as error:
            self._judge_workers()
            raise self._violation(f"no answer: {error!r}") from None
        finally:
            self._count(started)
        faults = [f"an answer without an envelope: {answer}"] if answer.code is None else []
        faults += [f"served without authentication: {answer}"] if answer.accepted and not may_pass else []
        self._judge([answer], faults)
        return answer

    def send_raw(self, pieces: list[bytes], ending: Ending) -> None:
        """Send bytes over a connection of their own."""
        self.steps.append(f"{pieces} and {ending.value}")
        if self._witness is None and ending is Ending.HALF_CLOSE:
            ending = Ending.SILENCE  # a proxy takes a client that has half-closed for one that has left
        started = time.monotonic()
        try:
            answers = send_raw(self.address, pieces, ending)
        except Hang:
            raise self._breakdown(f"the connection was not closed within {HANG_S} s") from None
        except OSError as error:
            raise self._violation(f"no connection: {error!r}") from None
        finally:
            self._count(started)
        self._judge(answers)

    def _count(self, started: float) -> None:
        self.longest_s = max(self.longest_s, time.monotonic() - started)
        self.cases += 1
        self._on_case()
        if time.monotonic() - self._first_failure_s > _SHRINK_S:
            raise Breakdown(self.failure)

    def _judge(self, answers: list[Answer], faults: Sequence[str] = ()) -> None:
        """Raise for all faults together: what is left in the log would be blamed on the next case."""
        self.answers.update(f"{answer.status} {'' if answer.code is None else answer.code}" for answer in answers)
        found = [*faults, *(f"a failure of the server: {answer}" for answer in answers if is_failure(answer))]
        if self._witness:
            found += self._faults_inside(self._witness, answers)
        if found:
            raise self._violation("\n".join(found))

    def _faults_inside(self, witness: Witness, answers: list[Answer]) -> list[str]:
        before, self._rows = self._rows, witness.rows_changed()
        # After a 503 nobody knows whether the row is written.
        refused = all(not answer.accepted and answer.status != _UNAVAILABLE for answer in answers)
        written = [f"a refused request has changed rows: {answers}"] if refused and self._rows != before else []
        self._judge_workers()
        return [*written, *self._faults_in(witness.new_lines(answers[-1].request_id if answers else ""))]

    def _faults_in(self, lines: list[str]) -> list[str]:
        """The failures and the secrets in lines of the log."""
        failures = [f"a failure in the log: {line}" for line in lines if is_failure_line(line)]
        leaks = [f"{secret} in the log: {line}" for line in lines for secret in self.secrets.found_in(line)]
        return [*failures, *leaks]

    def _violation(self, message: str) -> Violation:
        self._keep(message)
        return Violation(message)

    def _breakdown(self, message: str) -> Breakdown:
        self._keep(message)
        return Breakdown(message)

    def _keep(self, message: str) -> None:
        self._first_failure_s = min(self._first_failure_s, time.monotonic())
        if not self.failure or size(self.steps) <= size(self.failing_steps):
            self.failure, self.failing_steps = message, self.steps.copy()

    def _judge_workers(self) -> None:
        if self._witness and (dead := self._witness.dead_workers()):
            raise self._breakdown(f"the workers {dead} have ended")


def size(steps: Sequence[str]) -> int:
    """The number of characters of cases."""
    return sum(map(len, steps))


def is_failure(answer: Answer) -> bool:
    """True for a 5xx other than 503, unless a proxy has answered it to what it does not know."""
    known = {_UNAVAILABLE, *(_PROXYS_OWN if answer.from_proxy else ())}
    return answer.status >= 500 and answer.status not in known
