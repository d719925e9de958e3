"""The server under attack, and the judgement of everything that it does."""

import time
from collections import Counter
from collections.abc import Callable

from scripts.fuzzing.exchange import HANG_S, Address, Answer, Client, Ending, Hang, Request, send_raw
from scripts.fuzzing.leaks import Secrets
from scripts.fuzzing.witness import Witness, failure_in

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
        self._witness = witness
        self._on_case = on_case
        self._client = Client(address)
        self._rows: int | None = witness.rows_changed() if witness else None

    def begin(self) -> None:
        """Begin a visit."""
        self.steps = []

    def judge_end(self) -> None:
        """Search the last lines of the log."""
        if self._witness:
            self.judge_log(self._witness.new_lines())

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
            raise Breakdown(f"no answer within {HANG_S} s") from None
        except OSError as error:
            self._judge_workers()
            raise Violation(f"no answer: {error!r}") from None
        finally:
            self._count(started)
        if answer.code is None:
            raise Violation(f"an answer without an envelope: {answer}")
        if answer.accepted and not may_pass:
            raise Violation(f"served without authentication: {answer}")
        self._judge([answer])
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
            raise Breakdown(f"the connection was not closed within {HANG_S} s") from None
        except OSError as error:
            raise Violation(f"no connection: {error!r}") from None
        finally:
            self._count(started)
        self._judge(answers)

    def _count(self, started: float) -> None:
        self.longest_s = max(self.longest_s, time.monotonic() - started)
        self.cases += 1
        self._on_case()

    def _judge(self, answers: list[Answer]) -> None:
        for answer in answers:
            self.answers[f"{answer.status} {'' if answer.code is None else answer.code}"] += 1
            its_own = answer.from_proxy and answer.status in _PROXYS_OWN
            if answer.status >= 500 and answer.status != _UNAVAILABLE and not its_own:
                raise Violation(f"a failure of the server: {answer}")
        if self._witness:
            self._judge_from_inside(self._witness, answers)

    def _judge_from_inside(self, witness: Witness, answers: list[Answer]) -> None:
        before, self._rows = self._rows, witness.rows_changed()
        # After a 503 nobody knows whether the row is written: docs/decisions.md, section 1.
        refused = all(not answer.accepted and answer.status != _UNAVAILABLE for answer in answers)
        if refused and self._rows != before:
            raise Violation(f"a refused request has changed rows: {answers}")
        self._judge_workers()
        self.judge_log(witness.new_lines(answers[-1].request_id if answers else ""))

    def _judge_workers(self) -> None:
        if self._witness and (dead := self._witness.dead_workers()):
            raise Breakdown(f"the workers {dead} have ended")

    def judge_log(self, lines: list[str]) -> None:
        """Search lines of the log for failures and secrets."""
        for line in lines:
            if failure := failure_in(line):
                raise Violation(f"a failure in the log: {failure}")
            if leaked := self.secrets.found_in(line):
                raise Violation(f"the secrets {leaked} in the log: {line}")
