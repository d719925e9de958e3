"""The sources of settings, the refusals, and the secrecy of secrets."""

import subprocess
import sys
from contextlib import redirect_stderr
from io import StringIO
from ipaddress import ip_network
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest

from conf.cli import load
from conf.redis_url import redis_address
from conf.settings import ROOT, Settings
from conf.values import Rate

REAL = {
    "XZB_LIVE__CALLBACK_KEY": "k1",
    "XZB_LIVE__API_KEY": "k2",
    "XZB_IM__SECRET_KEY": "k3",
    "XZB_COS__SECRET_ID": "k4",
    "XZB_COS__SECRET_KEY": "k5",
    "XZB_IM__SDKAPPID": "1400000001",
    "XZB_IM__ACCOUNT_TYPE": "a",
    "XZB_COS__APPID": "1250000001",
    "XZB_COS__BUCKET": "b",
    "XZB_COS__REGION": "r",
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


def load_with(*options: str, **env: str) -> Settings:
    """The settings of options and an environment."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in env.items():
            patch.setenv(name, value)
        return load(options)


def test_main_ends_at_a_wrong_setting_with_nothing_but_the_message() -> None:
    command = [sys.executable, str(ROOT / "main.py"), "--http.port", "abc"]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (ended.returncode, ended.stdout, ended.stderr) == (2, "", refused("--http.port", "abc"))


def test_the_defaults_of_development() -> None:
    settings = load()
    assert (settings.http.address, settings.http.port, settings.http.tls_port) == ("127.0.0.1", 8000, 8443)
    assert (settings.session.expires, settings.session.refresh_grace, settings.timezone) == (86400, 30, "Asia/Shanghai")
    assert len(settings.fake_values()) == 11


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
        ("XZB_HTTP__CORS_ORIGINS", "https://example.com/page", "without a path"),
        ("XZB_HTTP__CORS_ORIGINS", "example.com", "origins such as https://example.com"),
        ("XZB_HTTP__CORS_ORIGINS", "https://a.com,https://b.com:443", "without the port that its scheme has"),
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
        ("XZB_MYSQL__URL", "mysql://user:s3cret\u2100@host/db"),
        ("XZB_REDIS__URL", "http://:s3cret@host"),
        ("XZB_REDIS__URL", "redis://:s3cret@host:port/0"),
        ("XZB_REDIS__URL", "redis://:s3cret\u2100@host:1"),
        ("XZB_REDIS__URL", "redis+cluster://:s3cret@host:1,host:port"),
        ("XZB_REDIS__URL", "redis+cluster://:s3cret@host:1,"),
        ("XZB_REDIS__URL", "redis+cluster://:s3cret@host:1/3"),
        ("XZB_REDIS__URL", "redis+sentinel://:s3cret@host:1"),
        ("XZB_REDIS__URL", "redis://:s3cret@host:1?ssl_ca=/ca.pem"),
        ("XZB_REDIS__URL", "rediss://:s3cret@host:1?ssl_ca=/nowhere.pem"),
        ("XZB_REDIS__URL", "rediss://:s3cret@host:1?ssl_cert=/cert.pem"),
    ],
)
def test_a_wrong_url_is_named_without_its_password(name: str, value: str) -> None:
    message = refused(**{name: value})
    assert name in message
    assert "s3cret" not in message


def test_the_url_of_a_cluster_names_some_nodes() -> None:
    address = redis_address("redis+cluster://u:p%40@a:1,[::1]:2,c")
    assert address == (("redis://u:p%40@a:1", "redis://u:p%40@[::1]:2", "redis://u:p%40@c"), True, None)
    encrypted = redis_address("rediss+cluster://:p@a:1,b:2")
    assert encrypted.urls == ("rediss://:p@a:1", "rediss://:p@b:2")
    assert encrypted.tls is not None
    assert encrypted.tls.check_hostname


@pytest.mark.parametrize("options", ["ssl_cert_reqs=none", "ssl_ca_certs=/ca.pem"])
def test_options_of_redis_py_for_tls_are_left_to_it(options: str) -> None:
    url = f"rediss://:p@a:1?{options}"
    assert parse_qs(urlsplit(redis_address(url).urls[0]).query) == parse_qs(options)
    assert redis_address(url).tls is None


def test_a_file_that_is_no_toml(tmp_path: Path) -> None:
    (tmp_path / "a.toml").write_text("environment =")
    assert str(tmp_path / "a.toml") in refused(XZB_CONF=str(tmp_path / "a.toml"))


@pytest.mark.parametrize(
    ("text", "rate"),
    [
        ("10 per 5 minutes", Rate(10, 300)),
        ("1 per second", Rate(1, 1)),
        ("1000 per 1 second", Rate(1000, 1)),
        ("7 per 2 hours", Rate(7, 7200)),
        ("1 per 30 days", Rate(1, 30 * 86400)),
        ("", None),
    ],
)
def test_a_rate_is_written_in_words(text: str, rate: Rate | None) -> None:
    assert load_with("--limits.uploads_per_user", text).limits.uploads_per_user == rate
    assert load_with(XZB_LIMITS__UPLOADS_PER_USER=str(rate or "")).limits.uploads_per_user == rate


@pytest.mark.parametrize(
    "text", ["0 per minute", "10", "10 per fortnight", "1.5 per day", "-1 per day", "1001 per second", "1 per 31 days"]
)
def test_another_text_is_no_rate(text: str) -> None:
    message = refused("--limits.uploads_per_user", text)
    assert f"limits.uploads_per_user (XZB_LIMITS__UPLOADS_PER_USER): got {text!r}, takes a rate such as" in message


def test_proxies_are_networks() -> None:
    named = load_with(XZB_HTTP__TRUSTED_PROXIES="127.0.0.1, 10.0.0.0/8,2001:db8::/32,unix").http.trusted_proxies
    assert named == (ip_network("127.0.0.1"), ip_network("10.0.0.0/8"), ip_network("2001:db8::/32"), "unix")


@pytest.mark.parametrize("text", ["nginx", "10.0.0.1/8", "true", "127.0.0.1:80"])
def test_another_text_is_no_proxy(text: str) -> None:
    assert f"got {text!r}, takes addresses and networks" in refused("--http.trusted_proxies", text)


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
    assert not settings.fake_values()
    assert "s3cret" not in f"{settings!r} {settings}"
    assert "k3" not in f"{settings!r} {settings}"


@pytest.mark.parametrize(
    ("address", "options", "is_refused"),
    [
        ("0.0.0.0", [], True),
        ("0.0.0.0", ["--http.port", "0"], False),
        ("0.0.0.0", ["--http.allow_plain", "true"], False),
        ("127.0.0.1", [], False),
    ],
)
def test_production_with_tls_serves_plain_http_to_others_only_when_told(
    address: str, options: list[str], is_refused: bool
) -> None:
    production = {**REAL, "XZB_CONF": str(ROOT / "conf" / "production.example.toml")}
    tls = ["--http.tls_port", "8443", "--http.tls_certificate", "/c", "--http.tls_key", "/k"]
    options = [*tls, "--http.address", address, *options]
    if is_refused:
        assert "at 0.0.0.0:8000" in refused(*options, **production)
    else:
        load_with(*options, **production)


OUTSIDE = {"XZB_HTTP__ADDRESS": "0.0.0.0", "XZB_HTTP__TRUSTED_PROXIES": "10.0.0.0/8,0.0.0.0/0"}
INSIDE = {"XZB_MYSQL__URL": "mysql://u@localhost/d?unix_socket=/s", "XZB_REDIS__URL": "unix:///s?db=0"}


@pytest.mark.parametrize(
    ("env", "names"),
    [
        ({}, ["live.bizid", "mysql.url", "redis.url"]),
        ({"XZB_LIVE__BIZID": "7", **INSIDE}, []),
        ({"XZB_LIVE__BIZID": "7", **INSIDE, **OUTSIDE}, ["http.port", "http.trusted_proxies"]),
        ({"XZB_LIVE__BIZID": "7", **INSIDE, "XZB_HTTP__TRUSTED_PROXIES": ""}, ["http.trusted_proxies"]),
        ({"XZB_LIVE__BIZID": "7", **INSIDE, "XZB_REDIS__URL": "redis://127.0.0.1"}, ["redis.url"]),
        ({"XZB_LIVE__BIZID": "7", **INSIDE, "XZB_REDIS__URL": "rediss://:p@redis"}, []),
        ({"XZB_LIVE__BIZID": "7", **INSIDE, "XZB_REDIS__URL": "redis+cluster://127.0.0.1,b"}, ["redis.url"] * 2),
    ],
)
def test_production_says_what_is_insecure(
    env: dict[str, str], names: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in {**REAL, **env, "XZB_CONF": str(ROOT / "conf" / "production.example.toml")}.items():
        monkeypatch.setenv(name, value)
    weaknesses = list(load().weaknesses())
    assert [weakness.partition(" ")[0].rstrip(":") for weakness in weaknesses] == names
    assert "s3cret" not in str(weaknesses)


@pytest.mark.parametrize(
    ("name", "nearest"),
    [
        ("XZB_HTTP_PORT", "XZB_HTTP__PORT"),
        ("XZB_MYSQL_URL", "XZB_MYSQL__URL"),
        ("XZB_IM__SDKAPID", "XZB_IM__SDKAPPID"),
        ("xzb_http_port", "XZB_HTTP__PORT"),
        ("XZB_Q", "XZB_"),
    ],
)
def test_a_variable_that_is_no_setting_is_refused_with_the_nearest(name: str, nearest: str) -> None:
    message = refused(**{name: "s3cret"})
    assert message.startswith(f"settings: {name}: there is no such setting; the nearest is {nearest}")
    assert "s3cret" not in message


def test_a_variable_may_hold_a_whole_section() -> None:
    assert load_with(XZB_HTTP='{"port": 7}').http.port == 7
    assert load_with(xzb_http__port="8").http.port == 8


@pytest.mark.parametrize("name", ["XZB_COS__BUCKET", "XZB_COS__REGION", "XZB_IM__ACCOUNT_TYPE", "XZB_COS__APPID"])
def test_production_refuses_what_is_nobodys_own(name: str) -> None:
    value = "1" if name == "XZB_COS__APPID" else ""
    production = {"XZB_CONF": str(ROOT / "conf" / "production.example.toml")}
    setting = name.removeprefix("XZB_").replace("__", ".").lower()
    assert refused(**{**REAL, **production, name: value}).endswith(f"empty or invented: {setting}\n")


def test_a_key_that_could_be_guessed_is_refused_and_not_shown() -> None:
    message = refused("--password.remember_key", "x" * 31)
    assert "password.remember_key (XZB_PASSWORD__REMEMBER_KEY): takes at least 32 characters" in message
    assert "xxx" not in message
    assert not load(["--password.remember_key", ""]).password.remember_key.get_secret_value()
