"""The sources of settings, the refusals, and the secrecy of secrets."""

import subprocess
import sys
from contextlib import redirect_stderr
from io import StringIO
from pathlib import Path

import pytest

from conf.cli import load
from conf.settings import ROOT

REAL = {
    "XZB_LIVE__CALLBACK_KEY": "k1",
    "XZB_LIVE__API_KEY": "k2",
    "XZB_IM__SECRET_KEY": "k3",
    "XZB_COS__SECRET_ID": "k4",
    "XZB_COS__SECRET_KEY": "k5",
    "XZB_VOD__SECRET_ID": "k6",
    "XZB_VOD__SECRET_KEY": "k7",
    "XZB_MYSQL__URL": "mysql://server:s3cret@db:3307/live",
    "XZB_REDIS__URL": "redis://:s3cret@redis:6379/0",
}


def refused(*options: str, **env: str) -> str:
    """The message about settings that are refused."""
    with pytest.MonkeyPatch.context() as patch, redirect_stderr(StringIO()) as stderr:
        for name, value in env.items():
            patch.setenv(name, value)
        with pytest.raises(SystemExit) as ended:
            load(options)
    assert ended.value.code == 2
    return stderr.getvalue()


def test_main_ends_at_a_wrong_setting_with_nothing_but_the_message() -> None:
    command = [sys.executable, str(ROOT / "main.py"), "--http.port", "abc"]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (ended.returncode, ended.stdout, ended.stderr) == (2, "", refused("--http.port", "abc"))


def test_the_defaults_of_development() -> None:
    settings = load()
    assert (settings.http.address, settings.http.port, settings.http.tls_port) == ("127.0.0.1", 8000, 8443)
    assert (settings.session.expires, settings.session.refresh_grace, settings.timezone) == (86400, 30, "Asia/Shanghai")
    assert len(list(settings.fake_credentials())) == 8


def test_options_override_the_environment_which_overrides_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "a.toml"
    file.write_text((ROOT / "conf" / "development.toml").read_text() + "\n[session]\nexpires = 1\nrefresh_grace = 1\n")
    monkeypatch.setenv("XZB_CONF", str(file))
    monkeypatch.setenv("XZB_SESSION__REFRESH_GRACE", "2")
    monkeypatch.setenv("XZB_HTTP__PORT", "2")
    settings = load(["--http.port", "3"])
    assert (settings.session.expires, settings.session.refresh_grace, settings.http.port) == (1, 2, 3)


@pytest.mark.parametrize(
    ("name", "value", "accepted"),
    [
        ("XZB_HTTP__PORT", "abc", "valid integer"),
        ("XZB_HTTP__PORT", "70000", "less than or equal to 65535"),
        ("XZB_HTTP__PROCESSES", "0", "greater than or equal to 1"),
        ("XZB_TIMEZONE", "Mars/Olympus", "IANA time zone"),
        ("XZB_COS__APPID", "x", "pattern"),
        ("XZB_VOD__SIGN_EXPIRES", "7776001", "less than or equal to 7776000"),
        ("XZB_ENVIRONMENT", "staging", "'development' or 'production'"),
        ("XZB_CONF", "/nowhere.toml", "no file"),
    ],
)
def test_a_wrong_value_is_named_with_the_accepted_ones(name: str, value: str, accepted: str) -> None:
    message = refused(**{name: value})
    assert name in message
    assert accepted in message
    assert value in message


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("XZB_MYSQL__URL", "mysql://user:s3cret@host"),
        ("XZB_MYSQL__URLL", "mysql://user:s3cret@host/db"),
        ("XZB_LIVE__CALLBACKKEY", "s3cret"),
        ("XZB_MYSQL__URL", "postgres://user:s3cret@host/db"),
        ("XZB_MYSQL__URL", "mysql://user:s3cret@host:port/db"),
        ("XZB_MYSQL__URL", "mysql://user:x@y:s3cret/z@host/db"),
        ("XZB_MYSQL__URL", "mysql://user:x@y/s3cret@host/db"),
        ("XZB_MYSQL__URL", "mysql://user:s3cret@host:0/db"),
        ("XZB_REDIS__URL", "http://:s3cret@host"),
        ("XZB_REDIS__URL", "redis://:s3cret@host:port/0"),
    ],
)
def test_a_wrong_url_is_named_without_its_password(name: str, value: str) -> None:
    message = refused(**{name: value})
    assert name in message
    assert "s3cret" not in message


def test_a_file_that_is_no_toml(tmp_path: Path) -> None:
    (tmp_path / "a.toml").write_text("environment =")
    assert str(tmp_path / "a.toml") in refused(XZB_CONF=str(tmp_path / "a.toml"))


def test_both_ports_off_and_half_a_certificate() -> None:
    assert "nothing to listen on" in refused("--http.port", "0", "--http.tls_port", "0")
    assert "go together" in refused("--http.tls_key", "/x")


def test_production_takes_only_real_credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    message = refused(XZB_ENVIRONMENT="production", XZB_LIVE__API_KEY="", XZB_COS__SECRET_KEY="real")
    assert "live.api_key" in message
    assert "password.remember_key" in message
    assert "cos.secret_key" not in message
    assert "tls_certificate" in refused(XZB_ENVIRONMENT="production", XZB_PASSWORD__REMEMBER_KEY="", **REAL)
    for name, value in REAL.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("XZB_CONF", str(ROOT / "conf" / "production.example.toml"))
    settings = load()
    assert settings.environment == "production"
    assert not list(settings.fake_credentials())
    assert "s3cret" not in f"{settings!r} {settings}"
    assert "k3" not in f"{settings!r} {settings}"


def test_a_key_that_could_be_guessed_is_refused_and_not_shown() -> None:
    message = refused("--password.remember_key", "x" * 31)
    assert "password.remember_key (XZB_PASSWORD__REMEMBER_KEY): takes at least 32 characters" in message
    assert "xxx" not in message
    assert not load(["--password.remember_key", ""]).password.remember_key.get_secret_value()
