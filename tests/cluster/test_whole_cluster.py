"""A whole cluster by the shipped files: what HAProxy answers itself, and what it takes for well."""

import json
import re
import ssl
import subprocess
import time
from collections.abc import Iterator
from http.client import HTTPConnection, HTTPResponse, HTTPSConnection
from pathlib import Path
from typing import Any

import pytest

from conf.settings import ROOT
from scripts.clustering.cluster import Cluster, cluster, wait_until
from scripts.clustering.networks import loopback
from scripts.clustering.running import Plan
from scripts.stores.ports import reserved_port
from scripts.stores.private_servers import find_program
from services.redis import keys

# PyMySQL leaves its socket to the garbage collector when a server that starts or stops refuses it.
pytestmark = pytest.mark.filterwarnings("ignore:Exception ignored in. <socket:pytest.PytestUnraisableExceptionWarning")
ALICE = {"userid": "alice", "password": "0571749e2ac330a7455809c6b0e7af90"}
JSON = "application/json; charset=utf-8"


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    folder = tmp_path_factory.mktemp("cluster")
    with (
        loopback() as network,
        reserved_port() as port,
        reserved_port() as tls_port,
        cluster(network, folder, (port, tls_port), time.sleep, Plan().options) as running,
    ):
        yield running


def exchange(connection: HTTPConnection, path: str, body: object = None) -> tuple[HTTPResponse, dict[str, Any]]:
    """The answer and its envelope, which are as those of the apps."""
    connection.request("GET" if body is None else "POST", path, None if body is None else json.dumps(body))
    answer = connection.getresponse()
    envelope = json.loads(answer.read())
    connection.close()
    assert answer.headers["Content-Type"] == JSON
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Cache-Control"] == "no-store"
    assert len(answer.headers.get_all("X-Request-Id", [])) == 1
    return answer, envelope


def call(whole: Cluster, path: str, body: object = None) -> tuple[HTTPResponse, dict[str, Any]]:
    return exchange(HTTPConnection("127.0.0.1", whole.port, timeout=20), path, body)


def test_a_user_registers_through_one_app_and_logs_in_through_the_others(whole: Cluster) -> None:
    assert call(whole, "/register", ALICE)[1]["code"] == 200
    for _ in whole.apps:
        assert call(whole, "/login", ALICE)[1]["code"] == 200


@pytest.mark.parametrize("path", ["/readyz", "/metrics"])
def test_paths_for_operators_are_closed(whole: Cluster, path: str) -> None:
    answer, envelope = call(whole, path)
    assert (answer.status, envelope) == (404, {"code": 404, "message": "no such interface"})


def test_the_app_learns_the_address_and_the_scheme_of_the_client(whole: Cluster) -> None:
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    answer, _ = exchange(HTTPSConnection("127.0.0.1", whole.tls_port, context=context), "/login", ALICE)
    assert answer.headers["Strict-Transport-Security"] == "max-age=63072000"


def test_without_an_app_the_answer_is_503_in_the_envelope(whole: Cluster) -> None:
    for app in whole.apps:
        app.stop()
    try:
        answer, envelope = call(whole, "/login", ALICE)
    finally:
        for app in whole.apps:
            app.start()
    assert (answer.status, envelope) == (503, {"code": 503, "message": "the server is not available"})
    assert answer.headers["Retry-After"] == "1"
    whole.wait_until_whole()


def test_an_app_that_cannot_serve_everything_still_serves_what_it_can(whole: Cluster) -> None:
    for node in reversed(whole.databases):  # the last one to leave is the one that may begin again
        node.stop()
    try:
        wait_until(lambda: _ready_apps(whole) == 0, time.sleep, "an app is ready without a MariaDB")
        answer, envelope = call(whole, "/get_user_info", {"userid": "alice"})
    finally:
        whole.databases[0].start("--wsrep-new-cluster")
        for node in whole.databases[1:]:
            node.start()
    assert (answer.status, envelope["code"]) == (200, 498)  # Redis knows that there is no such session
    whole.wait_until_whole()


def _ready_apps(whole: Cluster) -> int:
    return sum(state == "UP" for name, state in whole.haproxy.states().items() if name.startswith("app"))


def test_haproxy_avoids_a_mariadb_that_has_lost_the_others(whole: Cluster) -> None:
    first = whole.databases[0]
    with whole.databases[1].frozen(), whole.databases[2].frozen():
        wait_until(lambda: whole.haproxy.states()["db1"] == "DOWN", time.sleep, "HAProxy still uses the lonely node")
        assert first.status("wsrep_cluster_status") == "non-Primary"  # it accepts connections all the time
    whole.wait_until_whole()


def test_all_connections_return_to_the_first_mariadb(whole: Cluster) -> None:
    with whole.databases[0].killed():
        wait_until(lambda: whole.haproxy.states()["db1"] == "DOWN", time.sleep, "HAProxy uses a killed node")
        assert _hostname(whole) == "db2"
    whole.wait_until_whole()
    assert _hostname(whole) == "db1"


def _hostname(whole: Cluster) -> str:
    """The node to which HAProxy leads a new connection."""
    with whole.sql() as cursor:
        cursor.execute("SELECT @@wsrep_node_name")
        ((name,),) = cursor.fetchall()
        return str(name)


def test_a_dead_shard_of_redis_costs_the_others_nothing(whole: Cluster) -> None:
    bob = next(f"bob{number}" for number in range(1000) if _differ(whole, f"bob{number}"))
    assert call(whole, "/register", {**ALICE, "userid": bob})[1]["code"] == 200
    with whole.primary(keys.VERSIONS).killed():
        for _ in range(20):
            assert call(whole, "/login", {**ALICE, "userid": bob})[1]["code"] == 200
    whole.wait_until_whole()


def _differ(whole: Cluster, userid: str) -> bool:
    return whole.primary(keys.token(userid)) is not whole.primary(keys.VERSIONS)


def test_the_section_for_sentinel_fits_the_shipped_file(whole: Cluster, tmp_path: Path) -> None:
    (section,) = re.findall(r"```\n(listen redis .*?)```", (ROOT / "docs" / "SCALING.md").read_text(), re.DOTALL)
    (tmp_path / "haproxy.cfg").write_text((whole.haproxy.folder / "haproxy.cfg").read_text() + "\n" + section)
    checked = subprocess.run([find_program("haproxy"), "-c", "-f", tmp_path / "haproxy.cfg"], check=False)
    assert checked.returncode == 0
