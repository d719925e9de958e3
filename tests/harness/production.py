"""The shipped files of supervisor and nginx, run with other paths, ports and users."""

import os
import ssl
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from http.client import HTTPConnection
from pathlib import Path

import trustme

from conf.settings import ROOT
from scripts.stores.private_servers import find_program
from scripts.stores.processes import child
from scripts.stores.supervised import adapted, supervised
from tests.harness.main_process import PATIENCE, reserved_port, wait_for
from tests.harness.stores import OPTIONS

WORKERS = 2
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
  access_log off;  # where the shipped file says nothing: the default is in a folder of the distribution's
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
    watched = ["--http.heartbeat_timeout", "3"]  # as by default; in development nobody watches the workers
    unlimited = ["--limits.uploads_per_user", ""]  # a few users make the load
    with supervised(var, port, [*OPTIONS, *watched, *unlimited, *options], release):
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
