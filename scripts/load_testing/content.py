"""Contents that users publish: profiles, short videos, and the recordings of their broadcasts."""

import json
import secrets
import time
from typing import Any

from services.tencent.signatures import callback_sign

COVER = "https://xiaozhibo-1250000000.cos.ap-guangzhou.myqcloud.com/cover/{}.png"
_MEDIA = "https://1250000000.vod2.myqcloud.com/7a3b1c2dvodgzp1250000000/{}/f0.{}"
_CALLBACK_VALID_S = 600
_FORMATS = {"mp4": "mp4", "hls": "m3u8"}


def new_file_id() -> str:
    """A file_id as VOD makes them: 19 digits."""
    return f"52858909{secrets.randbelow(10**11):011}"


def profile(userid: str) -> dict[str, Any]:
    """The fields of /upload_user_info."""
    return {
        "nickname": f"小直播 {userid}",
        "avatar": COVER.format(userid),
        "sex": 1,
        "frontcover": COVER.format(userid),
    }


def video(file_id: str) -> dict[str, Any]:
    """The fields of /upload_ugc."""
    return {
        "file_id": file_id,
        "title": "小视频 🎬",
        "frontcover": COVER.format(file_id),
        "location": "广东省深圳市",
        "play_url": _MEDIA.format(file_id, "mp4"),
    }


def recordings(key: str, stream_id: str, start: int, end: int) -> dict[str, bytes]:
    """The events of one broadcast, which is recorded as mp4 and as HLS: their bytes by file_id (decisions, section 6).

    `start` and `end` are Unix seconds.
    """
    return {
        file_id: _event(key, stream_id, file_id, start, end, name)
        for file_id, name in zip((new_file_id(), new_file_id()), _FORMATS, strict=True)
    }


def _event(key: str, stream_id: str, file_id: str, start: int, end: int, name: str) -> bytes:
    t = int(time.time()) + _CALLBACK_VALID_S
    event = {
        "event_type": 100,
        "t": t,
        "sign": callback_sign(key, str(t)),
        "stream_id": stream_id,
        "file_id": file_id,
        "video_url": _MEDIA.format(file_id, _FORMATS[name]),
        "file_format": name,
        "start_time": start,
        "end_time": end,
        "duration": end - start,
    }
    return json.dumps(event).encode()
