"""The interfaces by their callers, and a valid body for each."""

from typing import Any

from pymysql.cursors import Cursor
from redis import Redis

from handlers.routes import ROUTES
from tests.harness.client import PASSWORD, Api
from tests.harness.stores import TABLES

PUBLIC = ["/register", "/login", "/refresh"]
CALLBACKS = ["/callback/tape_callback", "/callback/tape_callback.php"]
PROBES = ["/healthz", "/readyz"]
# Derived: a new interface has to refuse strangers or be added to a list above.
PROTECTED = [path for path, _ in ROUTES if path not in {*PUBLIC, *CALLBACKS, *PROBES}]
GOOD: dict[str, dict[str, Any]] = {
    "/register": {"userid": "new", "password": PASSWORD},
    "/login": {"userid": "new", "password": PASSWORD},
    "/refresh": {"userid": "new", "refresh_token": "x"},
    "/change_password": {"old_password": PASSWORD, "password": "another"},
    "/delete_account": {"password": PASSWORD},
    "/upload_user_info": {"nickname": "n", "avatar": "http://a", "sex": 0, "frontcover": "http://f"},
    "/get_vod_list": {"index": 0, "count": 20},
    "/upload_room": {"title": "t", "location": "l", "frontcover": "http://f"},
    "/upload_ugc": {"file_id": "f", "title": "t", "frontcover": "", "location": "l", "play_url": "http://p"},
    "/get_ugc_list": {"index": 0, "count": 20},
    "/delete_vod": {"file_id": "f"},
    "/delete_ugc": {"file_id": "f"},
}
MALFORMED = {
    ("/register", "userid"): 610,
    ("/register", "password"): 611,
    ("/change_password", "password"): 611,
}
"""The codes of malformed parameters; of all others it is 602."""
SERVED = {"/delete_vod": 601, "/delete_ugc": 601}
"""The codes of good calls that a new user makes; of all others it is 200."""


def contents(mysql: Cursor, store: Redis) -> list[object]:
    """Everything in both stores."""
    rows: list[object] = []
    for table in TABLES:
        mysql.execute(f"SELECT * FROM {table}")
        rows.append(mysql.fetchall())
    return [*rows, {key: store.dump(key) for key in store.keys()}]


async def token_for(api: Api, path: str) -> str | None:
    """The token of a new user, or None for a public interface."""
    user = await api.user()
    return None if path in PUBLIC else user.token
