"""`main.py --check`: what keeps an installation from serving is an error, what may be wrong a warning."""

import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
import trustme
from pymysql.cursors import Cursor
from redis import Redis

from conf.cli import load
from conf.settings import ROOT
from scripts.stores.private_cluster import PrivateCluster
from scripts.stores.private_servers import private_redis
from services.self_check import Level
from services.tencent.plausibility import doubts
from tests.harness import fork_server
from tests.harness.main_process import PATIENCE, certificate
from tests.harness.stores import DATABASE, MYSQL_URL, OPTIONS

pytestmark = pytest.mark.usefixtures("mysql")

USER = f"limited_{DATABASE}"
FITTING = {
    "--im.sdkappid": "1400123456",
    "--im.secret_key": "0123456789abcdef" * 4,
    "--cos.bucket": "live-1251234567",
    "--cos.appid": "1251234567",
    "--cos.secret_id": "AKID" + "x" * 32,
    "--cos.secret_key": "y" * 32,
    "--vod.secret_id": "AKID" + "x" * 32,
    "--vod.secret_key": "y" * 32,
}


def check(*options: str) -> tuple[int, list[str]]:
    """The exit code and the lines of the check."""
    with tempfile.NamedTemporaryFile("r") as output:
        process = fork_server.start([*OPTIONS, *options, "--check"], Path(output.name))
        process.join(PATIENCE)
        lines = output.read().splitlines()
    assert {line.split()[0] for line in lines} <= set(Level)  # nothing but findings
    assert process.exitcode is not None
    return process.exitcode, lines


def words(lines: list[str], level: str, subject: str) -> str:
    """The text of all findings of a level about a subject."""
    return "\n".join(line for line in lines if line.split()[:2] == [level, subject])


@pytest.fixture
def limited(mysql: Cursor) -> Iterator[str]:
    """The URL of a user with the rights that the documents ask for."""
    mysql.execute(f"CREATE USER {USER}@localhost IDENTIFIED BY 's3cret'")
    mysql.execute(f"GRANT SELECT, INSERT, UPDATE, DELETE ON {DATABASE}.* TO {USER}@localhost")
    yield MYSQL_URL.replace("root@", f"{USER}:s3cret@")
    mysql.execute(f"DROP USER {USER}@localhost")


def test_a_sound_installation_has_no_errors_and_shows_its_signatures(limited: str) -> None:
    code, lines = check("--mysql.url", limited)
    assert code == 0
    assert f"{USER}@localhost" in words(lines, "ok", "mysql")
    assert "its clock is" in words(lines, "ok", "mysql")
    assert "its clock is" in words(lines, "ok", "redis")
    assert "appendonly is off" in words(lines, "warning", "redis")
    assert "error" not in {line.split()[0] for line in lines}
    assert "live.api_key" in words(lines, "warning", "settings")
    assert all(words(lines, "compare", service) for service in ("im", "cos", "vod"))
    assert not [line for line in lines if "s3cret" in line or "fake-" in line]


def test_lost_rights_name_the_statement_and_the_table(mysql: Cursor, limited: str) -> None:
    mysql.execute(f"REVOKE DELETE ON {DATABASE}.* FROM {USER}@localhost")
    code, lines = check("--mysql.url", limited)
    errors = words(lines, "error", "mysql").splitlines()
    mysql.execute(
        "SELECT COUNT(*) FROM information_schema.tables WHERE table_schema = DATABASE() AND table_name LIKE 'tb%'"
    )
    assert code == 1
    assert ((len(errors),),) == mysql.fetchall()
    assert all("DELETE tb_" in error and "DELETE command denied" in error for error in errors)


def test_a_check_changes_nothing(mysql: Cursor, limited: str) -> None:
    mysql.execute("INSERT INTO tb_account (userid, password) VALUES ('alice', 'x')")
    check("--mysql.url", limited)
    mysql.execute("SELECT userid, password FROM tb_account")
    assert mysql.fetchall() == (("alice", "x"),)


def test_missing_migrations_are_named(mysql: Cursor) -> None:
    mysql.execute("UPDATE _yoyo_migration SET migration_id = 'x' WHERE migration_id = '0003.probe'")
    try:
        code, lines = check()
    finally:
        mysql.execute("UPDATE _yoyo_migration SET migration_id = '0003.probe' WHERE migration_id = 'x'")
    assert (code, "run ./scripts/admin migrate: 0003.probe" in words(lines, "error", "mysql")) == (1, True)


def test_unreachable_stores_are_named_with_their_reason(tmp_path: Path) -> None:
    code, lines = check(
        *("--mysql.url", f"mysql://u@localhost/d?unix_socket={tmp_path}/none"),
        *("--redis.url", f"unix://{tmp_path}/none?db=0"),
    )
    assert code == 1
    assert "No such file" in words(lines, "error", "mysql")
    assert "No such file" in words(lines, "error", "redis")


def test_each_node_of_a_cluster_is_checked(redis_cluster: PrivateCluster) -> None:
    first, *others = redis_cluster.nodes
    first.client.config_set("maxmemory-policy", "allkeys-lru")
    code, lines = check("--redis.url", redis_cluster.url)
    first.client.config_set("maxmemory-policy", "noeviction")
    assert code == 0
    assert f"{first.name}: maxmemory-policy allkeys-lru" in words(lines, "warning", "redis")
    assert all(f"{node.name}: appendonly is off" in words(lines, "warning", "redis") for node in others)


def test_a_redis_that_drops_sessions_is_a_warning_and_a_missing_password_an_error(tmp_path: Path) -> None:
    with private_redis(tmp_path, durable=True) as url, Redis.from_url(url) as own:
        own.config_set("maxmemory-policy", "allkeys-lru")
        code, lines = check("--redis.url", url)
        assert (code, "allkeys-lru drops sessions" in words(lines, "warning", "redis")) == (0, True)
        assert "appendonly" not in words(lines, "warning", "redis")
        own.config_set("requirepass", "s3cret")
        code, lines = check("--redis.url", url)
        assert (code, "Authentication required" in words(lines, "error", "redis")) == (1, True)


def test_a_certificate_is_read(tmp_path: Path) -> None:
    options = certificate(tmp_path, trustme.CA())
    assert "valid until" in words(check(*options)[1], "ok", "certificate")
    (tmp_path / "cert.pem").write_text("nonsense")
    code, lines = check(*options)
    assert (code, str(tmp_path / "cert.pem") in words(lines, "error", "certificate")) == (1, True)


@pytest.mark.parametrize(
    ("change", "doubt"),
    [
        ({}, None),
        (
            {"--im.secret_key": "y" * 32},
            "im.secret_key: the key of an IM application has 64 hexadecimal digits; this looks",
        ),
        ({"--im.sdkappid": "7"}, "im.sdkappid"),
        ({"--vod.secret_key": "z" * 32}, "cos.secret_key, vod.secret_key: one SecretId has two different keys"),
        ({"--cos.secret_id": "x"}, "cos.secret_id"),
        ({"--vod.secret_key": " " + "y" * 32, "--vod.secret_id": "AKID" + "z" * 32}, "vod.secret_key"),
        ({"--cos.appid": "1251234568"}, "cos.bucket: the bucket belongs to the APPID 1251234567"),
        ({"--cos.appid": "1400123456", "--cos.bucket": "live"}, "cos.appid: this is the SDKAppID of IM"),
        ({"--cos.appid": "7", "--cos.bucket": "live"}, "cos.appid: an APPID has 10 digits"),
        ({"--live.callback_key": "key "}, "live.callback_key: it begins or ends with a space"),
    ],
)
def test_keys_that_do_not_fit_are_doubted(change: dict[str, str], doubt: str | None) -> None:
    settings = load([word for option in {**FITTING, **change}.items() for word in option])
    found = list(doubts(settings.im, settings.cos, settings.vod, settings.live))
    assert len(found) == (doubt is not None)
    assert doubt is None or found[0].startswith(doubt)


def test_the_administration_has_the_same_check() -> None:
    ended = subprocess.run([ROOT / "scripts" / "admin", "check", "--help"], capture_output=True, text=True, check=False)
    assert (ended.returncode, "Exit code 1" in ended.stdout) == (0, True)
