"""Events of the live service."""

import hashlib
import time
from typing import Any

KEY = "fake-callback-key"
START = 1_700_000_000


def event(**changes: Any) -> dict[str, Any]:
    """An event of the live service, signed now."""
    t = changes.pop("t", int(time.time()) + 600)
    sign = hashlib.md5(f"{KEY}{t}".encode()).hexdigest()
    return {
        "event_type": 100,
        "t": t,
        "sign": sign,
        "stream_id": "5000_anchor",
        "file_id": "m1",
        "video_url": "http://vod/m1",
        "file_format": "mp4",
        "start_time": START,
        "end_time": START + 400,
        "duration": 400,
        "appid": 1250000000,
        **changes,
    }
