"""The logs of the whole run are searched for secrets (tests/harness/leaks.py): the search finds them."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from conf.settings import Settings
from tests.harness import leaks
from tests.harness.client import PASSWORD, Api, liteav_sig


@pytest.mark.gen_test
async def test_the_secrets_of_a_user_are_found_in_events(api: Api, logged: list[dict[str, Any]]) -> None:
    user = await api.user()
    signature = liteav_sig(user.token, b'{"userid": "%b"}' % user.userid.encode())
    await api.signed("/get_user_info", b'{"userid": "%b"}' % user.userid.encode(), user.token)
    data = (await api.call("/get_cos_sign", token=user.token))["data"]
    for secret in (user.token, user.token.partition(".")[2], user.refresh_token, PASSWORD, signature, data["signKey"]):
        assert leaks.in_events([{"event": "x", "text": f"before{secret}after"}])
    assert leaks.in_events(logged) == []
    assert [event["userid"] for event in logged if event["event"] == "request"].count(user.userid) > 0


def test_the_keys_of_the_settings_are_found(conf: Settings) -> None:
    keys = (conf.live.callback_key, conf.im.secret_key, conf.cos.secret_key, conf.vod.secret_key)
    for key in keys:
        assert leaks.in_text(f"signed with {key.get_secret_value()}", "log")


@pytest.mark.parametrize("name", ["log", "output", "xiaozhibo-00.log", "xiaozhibo.log.1"])
def test_secrets_are_found_in_files_of_logs(tmp_path: Path, name: str) -> None:
    leaks.USED.add("a-secret-of-this-test")
    file = tmp_path / "below" / name
    file.parent.mkdir()
    file.write_text('{"event":"x"}\n{"text":"a-secret-of-this-test"}\n')
    assert leaks.in_files(tmp_path) == [f'{file}: a-secret-of-this-test in {{"text":"a-secret-of-this-test"}}']
    file.unlink()


def test_other_files_may_hold_secrets(tmp_path: Path) -> None:
    leaks.USED.add("a-secret-of-this-test")
    (tmp_path / "xiaozhibo.toml").write_text("a-secret-of-this-test")
    assert leaks.in_files(tmp_path) == []


def test_a_userid_is_no_secret() -> None:
    leaks.remember_request({}, json.dumps({"userid": "same-as-password", "password": "same-as-password"}).encode())
    leaks.remember_answer("/login", {"data": {"userid": "somebody-with-a-name", "token": "x"}})
    assert leaks.in_text("same-as-password somebody-with-a-name", "log") == []


def test_a_secret_in_the_log_fails_its_test(pytester: pytest.Pytester, caplog: pytest.LogCaptureFixture) -> None:
    """The fixtures of tests/conftest.py do it, in this process."""
    pytester.makeconftest("from tests.conftest import logged, searched_logs")
    pytester.makepyfile(
        """
        import logging
        import structlog
        from tests.harness import leaks

        leaks.USED.add("a-secret-of-this-test")

        def test_event(logged):
            structlog.get_logger().info("event", text="a-secret-of-this-test")

        def test_library(logged):
            logging.getLogger("redis").warning("a-secret-of-this-test")

        def test_nothing(logged):
            structlog.get_logger().info("event", text="nothing")

        def test_file(tmp_path):
            (tmp_path / "log").write_text("a-secret-of-this-test")
        """
    )
    folder = pytester.path / "files"
    result = pytester.runpytest_inprocess("-p", "no:cacheprovider", f"--basetemp={folder}")
    shutil.rmtree(folder)
    caplog.clear()  # the searches of this run would find the same
    result.assert_outcomes(passed=4, errors=3)
