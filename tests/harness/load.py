"""Load on an installation, and what became of each request."""

import json
import ssl
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPException, HTTPSConnection

from tests.harness.client import PASSWORD
from tests.harness.main_process import PATIENCE
from tests.harness.production import Production

CLIENTS = 8
_REQUESTS: tuple[tuple[str, dict[str, object]], ...] = (
    ("/get_user_info", {}),
    ("/upload_user_info", {"nickname": "小明", "sex": 1}),
    ("/get_vod_list", {"index": 0, "count": 20}),
)


class Load:
    """Clients that send reads and writes over kept connections, each the next request when the last is answered."""

    def __init__(self, installation: Production) -> None:
        self.outcomes: Counter[str] = Counter()
        """How many requests were answered "200", and how many in another way or not at all."""
        self._installation = installation
        self._tls = installation.tls()
        self._stop = threading.Event()
        self._counting = threading.Condition()

    def wait_for(self, count: int) -> None:
        """Return when so many requests have been answered."""
        with self._counting:
            assert self._counting.wait_for(lambda: self.outcomes.total() >= count, timeout=6 * PATIENCE)

    def stop(self) -> None:
        self._stop.set()

    def run(self, userid: str) -> None:
        """Be one client until the end."""
        connection = _connect(self._installation, self._tls)
        answer = _post(connection, "/login", {"userid": userid, "password": PASSWORD}, "")
        token = answer["data"]["token"]
        while not self._stop.is_set():
            for path, body in _REQUESTS:
                try:
                    outcome = str(_post(connection, path, body, token)["code"])
                except (OSError, HTTPException, ValueError) as error:
                    outcome = repr(error)
                    connection.close()
                with self._counting:
                    self.outcomes[outcome] += 1
                    self._counting.notify_all()
        connection.close()


@contextmanager
def load(installation: Production) -> Iterator[Load]:
    """Load for the duration of the block."""
    running = Load(installation)
    userids = [f"load_{number}" for number in range(CLIENTS)]
    connection = _connect(installation, installation.tls())
    for userid in userids:
        _post(connection, "/register", {"userid": userid, "password": PASSWORD}, "")
    connection.close()
    clients = [threading.Thread(target=running.run, args=(userid,)) for userid in userids]
    for client in clients:
        client.start()
    try:
        running.wait_for(CLIENTS)
        yield running
    finally:
        running.stop()
        for client in clients:
            client.join()


def _connect(installation: Production, tls: ssl.SSLContext) -> HTTPSConnection:
    return HTTPSConnection("127.0.0.1", installation.tls_port, timeout=PATIENCE, context=tls)


def _post(connection: HTTPSConnection, path: str, body: dict[str, object], token: str) -> dict[str, dict[str, str]]:
    """The envelope of an answer. Raises ValueError when it is none."""
    connection.request("POST", path, json.dumps(body), {"Authorization": f"Bearer {token}"})
    answer: dict[str, dict[str, str]] = json.loads(connection.getresponse().read())
    return answer
