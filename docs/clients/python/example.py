"""All interfaces with the generated Python client: `python example.py http://127.0.0.1:8000`."""

import hashlib
import secrets
import sys
from typing import Any

from xiaozhibo_client import AuthenticatedClient, Client
from xiaozhibo_client.api.account_and_session import change_password, delete_account, login, refresh, register
from xiaozhibo_client.api.broadcasts_and_replays import delete_vod, get_vod_list, upload_room
from xiaozhibo_client.api.profile import get_user_info, upload_user_info
from xiaozhibo_client.api.short_videos import delete_ugc, get_ugc_list, upload_ugc
from xiaozhibo_client.api.signatures import get_cos_sign, get_roomservice_sign, get_vod_sign
from xiaozhibo_client.models import (
    CallerFields,
    ChangePasswordBody,
    DeleteAccountBody,
    DeleteUgcBody,
    DeleteVodBody,
    GetUgcListBody,
    GetVodListBody,
    Login,
    Refresh,
    Registration,
    UploadRoomBody,
    UploadUgcBody,
    UploadUserInfoBody,
)


def main(url: str) -> None:
    """Register a user, call everything that the app calls, and delete the user."""
    userid = f"python-{secrets.token_hex(4)}"
    password, another = app_password("secret", userid), app_password("another secret", userid)
    client = Client(base_url=url)
    accepted(register.sync(client=client, body=Registration(userid=userid, password=password)))
    refusal = register.sync(client=client, body=Registration(userid=userid, password=password))
    print("again:", refusal.code, refusal.message)

    session = accepted(login.sync(client=client, body=Login(userid=userid, password=password))).data
    renewal = Refresh(userid=userid, refresh_token=session.refresh_token)
    session = accepted(refresh.sync(client=client, body=renewal)).data
    user = AuthenticatedClient(base_url=url, token=session.token)
    broadcast(user)
    publish(user)
    sign(user)

    change = ChangePasswordBody(old_password=password, password=another)
    session = accepted(change_password.sync(client=user, body=change)).data
    user = AuthenticatedClient(base_url=url, token=session.token)
    accepted(delete_account.sync(client=user, body=DeleteAccountBody(password=another)))
    print("deleted")


def broadcast(user: AuthenticatedClient) -> None:
    """Fill in the profile, announce a broadcast and look at the replays."""
    accepted(upload_user_info.sync(client=user, body=UploadUserInfoBody(nickname="小明", sex=1)))
    profile = accepted(get_user_info.sync(client=user, body=CallerFields())).data
    print("profile:", profile.nickname, profile.sex)
    accepted(upload_room.sync(client=user, body=UploadRoomBody(title="周末直播")))
    replays = accepted(get_vod_list.sync(client=user, body=GetVodListBody(count=10))).data
    print("replays:", len(replays.list_))
    refusal = delete_vod.sync(client=user, body=DeleteVodBody(file_id="5285890800000000002"))
    print("no replay:", refusal.code, refusal.message)


def publish(user: AuthenticatedClient) -> None:
    """Publish a short video, find it in the list and delete it."""
    video = UploadUgcBody(file_id="5285890800000000001", title="猫", play_url="https://example.com/cat.mp4")
    accepted(upload_ugc.sync(client=user, body=video))
    videos = accepted(get_ugc_list.sync(client=user, body=GetUgcListBody())).data
    print("newest video:", videos.list_[0].nickname, videos.list_[0].title)
    accepted(delete_ugc.sync(client=user, body=DeleteUgcBody(file_id=video.file_id)))


def sign(user: AuthenticatedClient) -> None:
    """Fetch the signatures for Tencent's services."""
    signatures = [
        accepted(get_roomservice_sign.sync(client=user, body=CallerFields())),
        accepted(get_vod_sign.sync(client=user, body=CallerFields())),
        accepted(get_cos_sign.sync(client=user, body=CallerFields())),
    ]
    print("signatures:", len(signatures))


def accepted(answer: Any) -> Any:
    """The answer, if the server has accepted the request. Its HTTP status is 200 for a refusal, too."""
    if answer.code != 200:
        raise SystemExit(f"{answer.code}: {answer.message}")
    return answer


def app_password(password: str, userid: str) -> str:
    """The password as the apps send it."""
    return _md5(_md5(password) + userid)


def _md5(text: str) -> str:
    return hashlib.md5(text.encode()).hexdigest()  # noqa: S324  # the protocol's


if __name__ == "__main__":
    main(sys.argv[1])
