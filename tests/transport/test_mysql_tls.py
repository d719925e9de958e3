"""An encrypted connection to MySQL: `?ssl_ca=` in its URL."""

import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import trustme
from pymysql.err import OperationalError

from conf.settings import mysql_arguments
from models.database import Database
from models.errors import StoreError, StoreUnavailable
from models.migrate import migrate
from scripts.stores.private_servers import private_mysql
from tests.harness.main_process import reserved_port
from tests.harness.stores import connect_mysql


@contextmanager
def mysql_over_tcp(folder: Path, *options: str, require: str = "NONE") -> Iterator[str]:
    """A private MySQL that also listens on the loopback address, for a user who must meet a requirement; the URL."""
    with reserved_port() as port:
        listen = ["--skip-networking=OFF", "--bind-address=127.0.0.1", f"--port={port}"]
        with private_mysql(folder / "stores", durable=False, options=[*listen, *options]) as url:
            with connect_mysql(url) as connection, connection.cursor() as cursor:
                cursor.execute(f"CREATE USER u@'127.0.0.1' IDENTIFIED BY 'p' REQUIRE {require}")
                cursor.execute("GRANT ALL ON xiaozhibo.* TO u@'127.0.0.1'")
            yield f"mysql://u:p@127.0.0.1:{port}/xiaozhibo"


def tls_options(folder: Path, authority: trustme.CA) -> list[str]:
    """The options of a MySQL with a certificate for the loopback address."""
    issued = authority.issue_cert("127.0.0.1")
    issued.cert_chain_pems[0].write_to_path(folder / "cert.pem")
    issued.private_key_pem.write_to_path(folder / "key.pem")
    return [f"--ssl-cert={folder}/cert.pem", f"--ssl-key={folder}/key.pem"]


def ssl_ca(folder: Path, authority: trustme.CA) -> str:
    """The query of a URL that trusts the authority."""
    authority.cert_pem.write_to_path(folder / "ca.pem")
    return f"?ssl_ca={folder}/ca.pem"


async def fetch_cipher(url: str) -> str:
    """The cipher of a new connection, empty without TLS."""
    db = Database(mysql_arguments(url), pool_size=1, acquire_timeout=5, query_timeout=5)
    try:
        (_, cipher) = await db.fetch_one("SHOW STATUS LIKE 'Ssl_cipher'") or ("", "")
        return str(cipher)
    finally:
        await db.close()


@pytest.mark.gen_test
async def test_the_server_and_the_migration_use_tls(tmp_path: Path) -> None:
    authority = trustme.CA()
    with mysql_over_tcp(tmp_path, *tls_options(tmp_path, authority), require="SSL") as url:
        trusted = url + ssl_ca(tmp_path, authority)
        assert await fetch_cipher(trusted)
        assert migrate(trusted)
        another = url + ssl_ca(tmp_path, trustme.CA())
        with pytest.raises(StoreUnavailable, match="CERTIFICATE_VERIFY_FAILED"):
            await fetch_cipher(another)
        with pytest.raises(OperationalError, match="CERTIFICATE_VERIFY_FAILED"):
            migrate(another)


def own_certificate(folder: Path, authority: trustme.CA) -> str:
    """The rest of the query of a URL: a certificate of our own."""
    issued = authority.issue_cert("server.example")
    issued.cert_chain_pems[0].write_to_path(folder / "own.pem")
    issued.private_key_pem.write_to_path(folder / "own-key.pem")
    return f"&ssl_cert={folder}/own.pem&ssl_key={folder}/own-key.pem"


@pytest.mark.gen_test
async def test_a_mysql_that_requires_a_certificate_gets_ours(tmp_path: Path) -> None:
    authority = trustme.CA()
    trusted = ssl_ca(tmp_path, authority)
    options = [*tls_options(tmp_path, authority), f"--ssl-ca={tmp_path}/ca.pem"]
    with mysql_over_tcp(tmp_path, *options, require="X509") as url:
        with pytest.raises(StoreError, match="Access denied"):
            await fetch_cipher(url + trusted)
        with_certificate = url + trusted + own_certificate(tmp_path, authority)
        assert await fetch_cipher(with_certificate)
        assert migrate(with_certificate)
        with pytest.raises(StoreUnavailable):
            await fetch_cipher(url + trusted + own_certificate(tmp_path, trustme.CA()))


@pytest.mark.gen_test
async def test_a_mysql_without_tls_gets_no_password(tmp_path: Path) -> None:
    with mysql_over_tcp(tmp_path) as url:
        assert await fetch_cipher(url) == ""
        with pytest.raises(StoreUnavailable, match="no TLS"):
            await fetch_cipher(url + ssl_ca(tmp_path, trustme.CA()))


@pytest.mark.parametrize("content", [None, "", "no certificate"])
def test_a_file_without_certificates_is_refused(tmp_path: Path, content: str | None) -> None:
    if content is not None:
        (tmp_path / "ca.pem").write_text(content)
    with pytest.raises(ValueError, match="no certificates in"):
        mysql_arguments(f"mysql://u:p@h/d?ssl_ca={tmp_path}/ca.pem")


def test_a_certificate_without_its_key_is_refused(tmp_path: Path) -> None:
    authority = trustme.CA()
    url = "mysql://u:p@h/d" + ssl_ca(tmp_path, authority) + own_certificate(tmp_path, authority)
    assert mysql_arguments(url)["ssl"]
    (tmp_path / "own-key.pem").write_bytes((tmp_path / "own.pem").read_bytes())
    with pytest.raises(ValueError, match=r"no certificate in .* with its key in"):
        mysql_arguments(url)
    with pytest.raises(ValueError, match="takes mysql://"):
        mysql_arguments(url.partition("&ssl_key=")[0])
    with pytest.raises(ValueError, match="takes mysql://"):
        mysql_arguments(url.replace("ssl_ca", "unix_socket"))


def test_an_empty_name_of_the_file_does_not_turn_tls_off() -> None:
    with pytest.raises(ValueError, match="takes mysql://"):
        mysql_arguments("mysql://u:p@h/d?ssl_ca=")


def test_the_certificate_is_checked_with_its_host_name(tmp_path: Path) -> None:
    context = mysql_arguments("mysql://u:p@h/d" + ssl_ca(tmp_path, trustme.CA()))["ssl"]
    assert (context.check_hostname, context.verify_mode) == (True, ssl.CERT_REQUIRED)
