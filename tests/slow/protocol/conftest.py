"""The client of an installation in place of the client of an application in the test's process."""

from collections.abc import Iterator

import pytest
import redis
from pymysql.cursors import Cursor
from tornado.httpclient import AsyncHTTPClient
from tornado.ioloop import IOLoop

from tests.harness.client import Api
from tests.slow.conftest import Productions


@pytest.fixture
def api(
    request: pytest.FixtureRequest, io_loop: IOLoop, mysql: Cursor, store: redis.Redis, productions: Productions
) -> Iterator[Api]:
    """Calls an installation whose stores are empty, with the options of `@pytest.mark.conf`."""
    options = [option for marker in request.node.iter_markers("conf") for option in marker.args]
    installation = productions(*options)
    client = AsyncHTTPClient(force_instance=True, defaults={"ca_certs": str(installation.authority)})
    yield Api(client, installation.url, server="nginx")
    client.close()
