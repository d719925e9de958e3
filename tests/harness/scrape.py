"""Reads metrics as Prometheus does."""

from http.client import HTTPConnection
from typing import NamedTuple, Self

from prometheus_client.parser import text_string_to_metric_families

from tests.harness.main_process import PATIENCE


class Scrape(NamedTuple):
    """What /metrics says at one moment."""

    samples: dict[tuple[str, frozenset[tuple[str, str]]], float]

    @classmethod
    def of(cls, port: int) -> Self | None:
        """The present metrics, None when nobody answers."""
        try:
            text = fetch(port)[1]
        except OSError:
            return None
        families = text_string_to_metric_families(text)
        return cls({(s.name, frozenset(s.labels.items())): s.value for family in families for s in family.samples})

    def value(self, name: str, **labels: str) -> float | None:
        """One number, None when there is none. The prefix of the name is left out."""
        return self.samples.get((f"xiaozhibo_{name}", frozenset(labels.items())))


def fetch(port: int, accept: str = "*/*") -> tuple[str, str]:
    """The content type and the text."""
    connection = HTTPConnection("127.0.0.1", port, timeout=PATIENCE)
    try:
        connection.request("GET", "/metrics", headers={"Accept": accept})
        response = connection.getresponse()
        assert response.status == 200
        return response.headers["Content-Type"], response.read().decode()
    finally:
        connection.close()
