"""The shipped files of supervisor and nginx, run with other paths, ports and users."""

import os
import pwd
import shutil
import ssl
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from http.client import HTTPConnection
from pathlib import Path

import trustme

from conf.settings import ROOT
from scripts.stores.private_servers import find_program
from scripts.stores.processes import child, without_settings
from tests.harness.main_process import PATIENCE, reserved_port, wait_for
from tests.harness.stores import OPTIONS

WORKERS = 2
USER = pwd.getpwuid(os.geteuid()).pw_name
# What the distribution's nginx.conf puts around the files of conf.d.
_NGINX_FRAME = """
daemon off;
{user}
pid {folder}/nginx.pid;
worker_processes 1;
events {{ worker_connections 1024; }}
http {{
  client_body_temp_path {folder}/body;
  proxy_temp_path {folder}/proxy;
  fastcgi_temp_path {folder}/fastcgi;
  uwsgi_temp_path {folder}/uwsgi;
  scgi_temp_path {folder}/scgi;
  include {folder}/xiaozhibo.conf;
}}
"""


@dataclass(frozen=True)
class Production:
    """A server behind nginx. `var` holds the settings, the logs and the socket of supervisor."""

    var: Path
    authority: Path
    """The certificate that a client has to trust."""
    port: int
    """Of the server."""
    plain_port: int
    """Of nginx, without TLS."""
    tls_port: int

    @property
    def url(self) -> str:
        return f"https://127.0.0.1:{self.tls_port}"

    def tls(self) -> ssl.SSLContext:
        """A context that trusts nginx's certificate."""
        return ssl.create_default_context(cafile=self.authority)


@contextmanager
def production(folder: Path, options: Sequence[str] = (), release: Path = ROOT) -> Iterator[Production]:
    """Supervisor, two workers that run from `release`, and nginx, which have all answered."""
    with reserved_port() as port, reserved_port() as plain_port, reserved_port() as tls_port:
        running = Production(folder / "var", folder / "ca.pem", port, plain_port, tls_port)
        with supervisor(running.var, port, options, release), nginx(folder, running):
            yield running


@contextmanager
def supervisor(var: Path, port: int, options: Sequence[str], release: Path = ROOT) -> Iterator[None]:
    """The workers, ready, below supervisor; its files, the settings and the logs are in `var`."""
    var.mkdir(exist_ok=True)
    shutil.copy(ROOT / "conf" / "development.toml", var / "xiaozhibo.toml")
    text = adapted(
        "supervisord.conf",
        {
            "directory = /opt/xiaozhibo/current": f"directory = {release}",
            "/opt/xiaozhibo/var": str(var),
            "user = xiaozhibo": f"user = {USER}",
            "tcp://127.0.0.1:8000": f"tcp://127.0.0.1:{port}",
            "/etc/xiaozhibo/xiaozhibo.toml": str(var / "xiaozhibo.toml"),
        },
    )
    (var / "supervisord.conf").write_text(text)
    command: list[str | Path] = [
        sys.executable,
        "-m",
        "supervisor.supervisord",
        "--nodaemon",
        "-c",
        var / "supervisord.conf",
    ]
    watched = ["--http.heartbeat_timeout", "3"]  # as by default; in development nobody watches the workers
    env = {**without_settings(), **as_variables([*OPTIONS, *watched, *options])}
    with (var / "output").open("wb") as output, child(command, env=env, output=output):
        wait_for(lambda: all(" serving " in log.read_text() for log in worker_logs(var)))
        yield


def worker_logs(var: Path) -> list[Path]:
    """The logs of both workers, once they exist."""
    return wait_for(lambda: logs if len(logs := sorted(var.glob("xiaozhibo-0*.log"))) == WORKERS else None)


@contextmanager
def nginx(folder: Path, running: Production) -> Iterator[None]:
    """nginx before the server."""
    authority = trustme.CA()
    issued = authority.issue_cert("127.0.0.1")
    authority.cert_pem.write_to_path(running.authority)
    issued.private_key_pem.write_to_path(folder / "privkey.pem")
    issued.cert_chain_pems[0].write_to_path(folder / "fullchain.pem")
    text = adapted(
        "nginx.conf",
        {
            "    listen [::]:80;\n": "",
            "    listen [::]:443 ssl http2;\n": "",
            "listen 80;": f"listen 127.0.0.1:{running.plain_port};",
            "listen 443 ": f"listen 127.0.0.1:{running.tls_port} ",
            "server 127.0.0.1:8000 ": f"server 127.0.0.1:{running.port} ",
            "example.com": "127.0.0.1",
            "/var/log/nginx": str(folder),
            "/etc/xiaozhibo/tls": str(folder),
        },
    )
    (folder / "xiaozhibo.conf").write_text(text)
    user = "user root;" if os.geteuid() == 0 else ""
    (folder / "nginx.conf").write_text(_NGINX_FRAME.format(folder=folder, user=user))
    command: list[str | Path] = [find_program("nginx"), "-p", folder, "-c", folder / "nginx.conf", "-e", "stderr"]
    with (folder / "nginx.log").open("wb") as log, child(command, output=log):
        wait_for(lambda: answers(running.plain_port))
        yield


def adapted(name: str, replacements: Mapping[str, str]) -> str:
    """A shipped file of conf/ with other texts. Each text to replace has to be there."""
    text = (ROOT / "conf" / name).read_text()
    for old, new in replacements.items():
        assert old in text, f"conf/{name} has no {old!r}"
        text = text.replace(old, new)
    return text


def as_variables(options: Sequence[str]) -> dict[str, str]:
    """Options of main.py as XZB_ variables, which reach it through supervisor."""
    names = [option.removeprefix("--").replace(".", "__").upper() for option in options[::2]]
    return {f"XZB_{name}": value for name, value in zip(names, options[1::2], strict=True)}


def answers(port: int) -> bool:
    """True when GET /readyz gets an answer: 200 from the server, a redirection from nginx."""
    connection = HTTPConnection("127.0.0.1", port, timeout=PATIENCE)
    try:
        connection.request("GET", "/readyz")
        return connection.getresponse().status in (200, 301)
    except OSError:
        return False
    finally:
        connection.close()
