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
    "/upload_user_info": {"nickname": "n", "avatar": "http://a", "sex": 0, "frontcover": "http://f"},
    "/get_vod_list": {"index": 0, "count": 20},
    "/upload_room": {"title": "t", "location": "l", "frontcover": "http://f"},
    "/upload_ugc": {"file_id": "f", "title": "t", "frontcover": "", "location": "l", "play_url": "http://p"},
    "/get_ugc_list": {"index": 0, "count": 20},
}


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
