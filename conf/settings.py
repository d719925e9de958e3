"""The one typed settings object: a TOML file, overridden by XZB_ variables, overridden by options.

`XZB_CONF` names the TOML file (default: `conf/development.toml`). A variable's name is the prefix `XZB_`
and the path of the setting with `__` between the levels (`XZB_HTTP__PORT`); an option is the same path with
dots (`--http.port 9000`). A wrong value ends the process with code 2 before it listens.
"""

import os
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal, NoReturn
from urllib.parse import parse_qsl, unquote, urlsplit
from zoneinfo import ZoneInfo

from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError, field_validator, model_validator
from pydantic.fields import FieldInfo
from pydantic_settings import (
    BaseSettings,
    CliSettingsSource,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    SettingsError,
    TomlConfigSettingsSource,
)

ROOT = Path(__file__).resolve().parent.parent
DEFAULT_CONF = ROOT / "conf" / "development.toml"

Port = Annotated[int, Field(ge=0, le=65535)]
Seconds = Annotated[float, Field(ge=0.01, le=3600)]
_SHORTEST_KEY = 32  # characters


class Section(BaseModel):
    """A table of the TOML file. An unknown key is a spelling mistake, so it is refused."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Http(Section):
    """Where and how the server listens."""

    address: str = "127.0.0.1"
    port: Port = Field(8000, description="plain HTTP; 0 turns it off")
    tls_port: Port = Field(8443, description="HTTPS; 0 turns it off")
    tls_certificate: Path | None = None
    tls_key: Path | None = None
    fd: int | None = Field(None, ge=0, description="serve on this inherited listening socket instead")
    processes: int = Field(1, ge=1, le=64, description="workers that serve the same ports")
    trust_proxy: bool = Field(False, description="believe X-Real-Ip, X-Scheme and X-Request-Id")
    drain_timeout: Seconds = Field(10, description="how long a stop waits for requests in flight")

    @model_validator(mode="after")
    def _consistent(self) -> "Http":
        if (self.tls_certificate is None) != (self.tls_key is None):
            raise ValueError("tls_certificate and tls_key go together")
        if self.fd is None and not self.port and not self.tls_port:
            raise ValueError("port and tls_port are both 0: nothing to listen on")
        return self


class MySQL(Section):
    """The database and how long anything may wait for it."""

    url: SecretStr
    pool_size: int = Field(16, ge=1, description="connections of one process")
    acquire_timeout: Seconds = Field(2, description="to get a connection from the pool or the server")
    query_timeout: Seconds = Field(5, description="for one statement")

    @field_validator("url")
    @classmethod
    def _url(cls, value: SecretStr) -> SecretStr:
        mysql_arguments(value.get_secret_value())
        return value


class Redis(Section):
    """The session store and how long anything may wait for it."""

    url: SecretStr
    pool_size: int = Field(32, ge=1, description="connections of one process; it needs three unless batch is 1")
    timeout: Seconds = Field(0.5, description="for one command, its connection included")

    @field_validator("url")
    @classmethod
    def _url(cls, value: SecretStr) -> SecretStr:
        parts = urlsplit(value.get_secret_value())
        try:
            fits = parts.scheme in ("redis", "rediss", "unix") and parts.port != 0
        except ValueError:  # the port is no number
            fits = False
        if not fits:
            raise ValueError("takes redis://[:password@]host:port/0, rediss://… or unix:///path?db=0")
        return value


class Session(Section):
    """Lifetimes of a login, in seconds."""

    expires: int = Field(86400, ge=1, le=10 * 365 * 86400)
    refresh_grace: int = Field(30, ge=0, description="a just-replaced refresh_token may be retried this long")


class Auth(Section):
    """Checks of a signed request."""

    clock_skew: int = Field(300, ge=0, description="seconds a client's clock may be off")


class Password(Section):
    """Argon2id (RFC 9106), what protects its executor, and when it is not needed.

    The costs are OWASP's first choice for m=19 MiB.
    """

    time_cost: int = Field(2, ge=1)
    memory_kib: int = Field(19 * 1024, ge=8)
    threads: int = Field(1, ge=1, le=16)
    queue: int = Field(256, ge=1, description="hashes that may wait before the answer is 503")
    max_failures: int = Field(100, ge=1, description="wrong passwords of one user in failure_window before 429")
    failure_window: int = Field(600, ge=1)
    remember: int = Field(86400, ge=0, description="seconds a verified password needs no new hash; 0 = always hash")
    remember_key: SecretStr = Field(SecretStr(""), description="secret of that check; empty: always hash")

    @field_validator("remember_key")
    @classmethod
    def _remember_key(cls, value: SecretStr) -> SecretStr:
        # Whoever reads Redis has checks of passwords that they know: a short key could be found by trying.
        if 0 < len(value) < _SHORTEST_KEY:
            raise ValueError(f"takes at least {_SHORTEST_KEY} characters, such as `openssl rand -hex 32` prints")
        return value


class Live(Section):
    """Tencent's live service: recordings and the room service."""

    callback_key: SecretStr
    api_key: SecretStr
    bizid: str = Field("", pattern=r"^\w*$", description="prefix of stream ids; empty: any digits")
    roomservice_sign_expires: int = Field(600, ge=1)
    vod_window_days: int = Field(0, ge=0, le=36500, description="oldest replay in the list; 0 = all")
    min_duration: int = Field(0, ge=0, description="shorter recordings are ignored")


class Im(Section):
    """Tencent's IM service."""

    sdkappid: int = Field(ge=1)
    account_type: str
    secret_key: SecretStr
    usersig_expires: int = Field(180 * 86400, ge=1)


class Cos(Section):
    """Tencent's object storage."""

    bucket: str
    region: str
    appid: str = Field(pattern=r"^[0-9]+$")
    secret_id: str
    secret_key: SecretStr
    sign_expires: int = Field(600, ge=61, description="the Android SDK keeps 60 s in reserve")


class Vod(Section):
    """Tencent's video on demand."""

    secret_id: str
    secret_key: SecretStr
    sign_expires: int = Field(86400, ge=1, le=7776000)
    procedure: str = ""
    sub_app_id: int | None = Field(None, ge=1)


class Compat(Section):
    """Deviations from the document that the shipped apps need."""

    official_apps: bool = False


class Performance(Section):
    """What makes the hot paths fast; each idea can be turned off."""

    batch: int = Field(256, ge=1, description="look-ups that may travel to a store together; 1 = each alone")
    page_ttl: float = Field(5, ge=0, le=60, description="seconds a rendered page may be kept; 0 = keep none")
    page_cache_bytes: int = Field(32 * 2**20, ge=8 * 2**20, description="of rendered pages, in each process")
    steady: bool = Field(True, description="connections are listened to without a break; false: as Tornado does")
    uvloop: bool = Field(True, description="the event loop of libuv; false: asyncio's own")


class Log(Section):
    """Logging: JSON lines for machines, or coloured ones for a terminal."""

    level: Literal["debug", "info", "warning", "error"] = "info"
    format: Literal["json", "console"] = "json"
    access: bool = True


class Settings(BaseSettings):
    """Everything that may differ between two installations."""

    model_config = SettingsConfigDict(env_prefix="XZB_", env_nested_delimiter="__", extra="forbid", frozen=True)

    environment: Literal["development", "production"]
    timezone: str = "Asia/Shanghai"
    http: Http = Http()
    mysql: MySQL
    redis: Redis
    session: Session = Session()
    auth: Auth = Auth()
    password: Password = Password()
    live: Live
    im: Im
    cos: Cos
    vod: Vod
    compat: Compat = Compat()
    performance: Performance = Performance()
    log: Log = Log()

    @field_validator("timezone")
    @classmethod
    def _timezone(cls, value: str) -> str:
        try:
            ZoneInfo(value)
        except (KeyError, ValueError, OSError):
            raise ValueError("takes an IANA time zone such as Asia/Shanghai") from None
        return value

    @model_validator(mode="after")
    def _fit_for_production(self) -> "Settings":
        if self.environment == "production":
            if fake := list(self.fake_credentials()):
                raise ValueError(f"production needs real credentials; empty or fake: {', '.join(fake)}")
            if self.http.fd is None and self.http.tls_port and self.http.tls_certificate is None:
                raise ValueError(
                    "production needs http.tls_certificate and http.tls_key, or http.tls_port = 0 behind a TLS proxy"
                )
        return self

    def fake_credentials(self) -> Iterator[str]:
        """The credentials that are empty or that development made up, by name."""
        for section in ("password", "live", "im", "cos", "vod"):
            for name, value in getattr(self, section):
                if name.endswith(("_key", "secret_id")):
                    text = value.get_secret_value() if isinstance(value, SecretStr) else value
                    optional = section == "password"
                    if "fake" in text.lower() or not (text or optional):
                        yield f"{section}.{name}"

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Options first, then the environment, then the file. No .env file, no secrets folder."""
        path = Path(os.environ.get("XZB_CONF", DEFAULT_CONF))
        return init_settings, env_settings, TomlConfigSettingsSource(settings_cls, path)


def mysql_arguments(url: str) -> dict[str, Any]:
    """The connect arguments that a `mysql://` URL means.

    Shape: `mysql://user:password@host:port/database` or `mysql://user@localhost/database?unix_socket=/path`.
    Raises ValueError with the expected shape, never with the value: it holds a password.
    """
    parts = urlsplit(url)
    query = dict(parse_qsl(parts.query))
    database = unquote(parts.path.lstrip("/"))
    if parts.scheme != "mysql" or not parts.username or not database or query.keys() - {"unix_socket"}:
        raise ValueError(
            "takes mysql://user:password@host:port/database or mysql://user@localhost/database?unix_socket=/path"
        )
    return {
        "user": unquote(parts.username),
        "password": unquote(parts.password or ""),
        "host": parts.hostname or "localhost",
        "port": parts.port or 3306,
        "db": database,
        "unix_socket": query.get("unix_socket"),
    }


def load(argv: Sequence[str] = ()) -> Settings:
    """Read the settings; on a wrong one print what is wrong and exit with code 2."""
    path = Path(os.environ.get("XZB_CONF", DEFAULT_CONF))
    if not path.is_file():
        _refuse([f"XZB_CONF: there is no file {str(path)!r}"])
    options = CliSettingsSource[Any](Settings, cli_prog_name="main.py")
    options.root_parser.usage = "main.py [--help] [--SECTION.SETTING VALUE ...]"
    options(args=list(argv))
    try:
        return Settings(_cli_settings_source=options)
    except ValidationError as error:
        _refuse([_describe(item) for item in error.errors(include_url=False)])
    except SettingsError as error:  # JSON for a whole section
        _refuse([str(error)])
    except ValueError as error:  # the TOML file does not parse
        _refuse([f"{path}: {error}"])


def _refuse(problems: list[str]) -> NoReturn:
    for problem in problems:
        print(f"settings: {problem}", file=sys.stderr)
    raise SystemExit(2)


def _describe(item: Any) -> str:
    """One problem: which setting, what it got (unless that is a secret), what it takes."""
    location = [str(part) for part in item["loc"]]
    name = f"{'.'.join(location)} (XZB_{'__'.join(location).upper()}): " if location else ""
    hidden = not location or item["type"] in ("missing", "extra_forbidden") or _is_secret(location)
    got = "" if hidden else f"got {item['input']!r}, "
    return f"{name}{got}{item['msg'].removeprefix('Value error, ')}"


def _is_secret(location: list[str]) -> bool:
    fields: dict[str, FieldInfo] = Settings.model_fields
    for part in location:
        field = fields.get(part)
        if field is None or field.annotation is None:
            return False
        if field.annotation is SecretStr:
            return True
        fields = getattr(field.annotation, "model_fields", {})
    return bool(fields)  # a whole section: its value may hold a secret
