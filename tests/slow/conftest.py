"""One installation for all tests that want the same settings: it takes seconds to start."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import cache

import pytest

from tests.harness.production import Production, production

Productions = Callable[..., Production]


@pytest.fixture(scope="session")
def productions(schema: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Productions]:
    """Starts an installation with the options of main.py, or returns the one that runs with them."""
    with ExitStack() as running:

        @cache
        def start(*options: str) -> Production:
            folder = tmp_path_factory.mktemp("installation")
            return running.enter_context(
                production(folder, ["--http.trusted_proxies", "127.0.0.1", "--http.hsts", "60", *options])
            )

        yield start
