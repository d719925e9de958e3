"""The distribution's Prometheus scrapes two workers, and finds everything that the dashboard and the alerts ask for."""

import json
import re
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPConnection
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest

from conf.settings import ROOT
from scripts.stores.private_servers import find_program
from scripts.stores.processes import child
from tests.harness.client import PASSWORD
from tests.harness.main_process import PATIENCE, children, kill, reserved_port, running, wait_for
from tests.harness.scrape import fetch

pytestmark = pytest.mark.usefixtures("mysql", "store")

ALERTS = ROOT / "conf" / "alerts.yml"
DASHBOARD = json.loads((ROOT / "conf" / "grafana-dashboard.json").read_text())
METRIC = re.compile(r"\bxiaozhibo_\w+")
# The dashboard's variables as Grafana fills them in.
VARIABLES = {"$__rate_interval": "1m", "$job": "xiaozhibo", "$instance": ".*"}
LOGIN = {"userid": "alice", "password": PASSWORD}


class Prometheus:
    """A running Prometheus."""

    def __init__(self, port: int) -> None:
        self._port = port

    def query(self, expression: str) -> list[dict[str, Any]]:
        """The value of an expression: the samples of a vector. Raises AssertionError when it is wrong."""
        result = self._get(f"/api/v1/query?{urlencode({'query': expression})}")
        assert result["status"] == "success", result
        samples: list[dict[str, Any]] = result["data"]["result"]
        return samples

    def number(self, expression: str) -> float | None:
        """The value of an expression that has one sample, None without one."""
        samples = self.query(expression)
        return float(samples[0]["value"][1]) if samples else None

    def alerts(self) -> list[dict[str, Any]]:
        """The loaded rules and the outcome of their evaluation."""
        groups = self._get("/api/v1/rules")["data"]["groups"]
        return [rule for group in groups for rule in group["rules"]]

    def is_ready(self) -> bool:
        """True when it serves."""
        try:
            return bool(self._get("/api/v1/status/buildinfo")["status"] == "success")
        except (OSError, ValueError):
            return False

    def _get(self, path: str) -> Any:
        connection = HTTPConnection("127.0.0.1", self._port, timeout=PATIENCE)
        try:
            connection.request("GET", path)
            return json.loads(connection.getresponse().read())
        finally:
            connection.close()


@contextmanager
def prometheus(folder: Path, target: int) -> Iterator[Prometheus]:
    """A Prometheus that scrapes a port every second and evaluates the shipped rules."""
    configuration = {
        "global": {"scrape_interval": "1s", "evaluation_interval": "1s"},
        "rule_files": [str(ALERTS)],
        "scrape_configs": [{"job_name": "xiaozhibo", "static_configs": [{"targets": [f"127.0.0.1:{target}"]}]}],
    }
    file = folder / "prometheus.json"  # JSON is YAML
    file.write_text(json.dumps(configuration))
    with reserved_port() as port, (folder / "prometheus.log").open("wb") as output:
        command = [find_program("prometheus"), f"--config.file={file}", f"--storage.tsdb.path={folder / 'data'}"]
        with child([*command, f"--web.listen-address=127.0.0.1:{port}"], output=output):
            server = Prometheus(port)
            wait_for(server.is_ready)
            yield server


def promtool(*arguments: str, text: str = "") -> str:
    """Run promtool, which finds nothing to complain about. Its output."""
    done = subprocess.run(
        [find_program("promtool"), *arguments], input=text, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


def dashboard_expressions() -> list[str]:
    expressions = [target["expr"] for panel in DASHBOARD["panels"] for target in panel.get("targets", ())]
    for variable, value in VARIABLES.items():
        expressions = [expression.replace(variable, value) for expression in expressions]
    return expressions


def test_prometheus_finds_what_the_dashboard_and_the_alerts_ask_for(tmp_path: Path) -> None:
    with reserved_port() as port:
        options = ["--http.processes", "2", "--metrics.port", str(port), "--metrics.directory", str(tmp_path / "m")]
        with running(tmp_path, *options) as server, prometheus(tmp_path, port) as monitor:
            wait_for(lambda: monitor.number("xiaozhibo_workers") == 2)
            for _ in range(30):
                server.call("/login", LOGIN)
            wait_for(lambda: monitor.number('xiaozhibo_logins_total{outcome="no_such_user"}') == 30)
            kill(children(server.pid)[0])
            wait_for(lambda: monitor.number("sum(changes(xiaozhibo_process_start_time_seconds[1m]))") == 1)
            wait_for(lambda: monitor.number("xiaozhibo_workers") == 2)
            assert monitor.number("sum(resets(xiaozhibo_logins_total[1m]))") == 0
            scraped = set(METRIC.findall(fetch(port)[1]))
            expressions = dashboard_expressions()
            assert set(METRIC.findall(" ".join(expressions))) <= scraped
            assert set(METRIC.findall(ALERTS.read_text())) <= scraped
            for expression in expressions:
                monitor.query(expression)
            wait_for(lambda: all(rule["health"] != "unknown" for rule in monitor.alerts()))
            rules = monitor.alerts()
            assert {rule["name"]: rule.get("lastError") for rule in rules if rule["health"] != "ok"} == {}
            assert len(rules) == ALERTS.read_text().count("- alert:")
            assert [rule["name"] for rule in rules if rule["state"] == "firing"] == []
            promtool("check", "metrics", text=fetch(port)[1])


def test_promtool_accepts_the_rules() -> None:
    assert "SUCCESS" in promtool("check", "rules", str(ALERTS))


def test_the_alerts_fire_and_stay_silent(tmp_path: Path) -> None:
    def series(name: str, values: str, **labels: str) -> dict[str, str]:
        named = ",".join(f'{label}="{value}"' for label, value in {"instance": "a", **labels}.items())
        return {"series": f"{name}{{{named}}}", "values": values}

    requests = "xiaozhibo_requests_total"
    tests = {
        "rule_files": [str(ALERTS)],
        "evaluation_interval": "1m",
        "tests": [
            {
                "interval": "1m",
                "input_series": [
                    series(requests, "0+980x20", route="/login", code="200"),
                    series(requests, "0+20x20", route="/login", code="503"),
                    series("xiaozhibo_workers", "2x60 1x20"),
                ],
                "alert_rule_test": [
                    {"eval_time": "3m", "alertname": "XiaozhiboErrors", "exp_alerts": []},
                    {
                        "eval_time": "15m",
                        "alertname": "XiaozhiboErrors",
                        "exp_alerts": [
                            {
                                "exp_labels": {"instance": "a", "severity": "page"},
                                "exp_annotations": {"summary": "2% of the requests to a fail."},
                            }
                        ],
                    },
                    {"eval_time": "60m", "alertname": "XiaozhiboWorkerMissing", "exp_alerts": []},
                    {
                        "eval_time": "70m",
                        "alertname": "XiaozhiboWorkerMissing",
                        "exp_alerts": [
                            {
                                "exp_labels": {"instance": "a", "severity": "page"},
                                "exp_annotations": {"summary": "a has 1 workers, fewer than in most of the last hour."},
                            }
                        ],
                    },
                ],
            }
        ],
    }
    file = tmp_path / "tests.json"
    file.write_text(json.dumps(tests))
    assert "SUCCESS" in promtool("test", "rules", str(file))
