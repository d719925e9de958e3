"""The one typed settings object (decisions, section 8). `conf.cli` reads it."""

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import parse_qsl, unquote, urlsplit
from zoneinfo import ZoneInfo

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, SecretStr, field_validator, model_validator
from pydantic_settings import (
    BaseSettings,
    NoDecode,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)

from conf.redis_url import redis_address
from conf.tls import tls_context
from conf.urls import has_port, split_url
from conf.values import UNIX, OptionalRate, Proxies, Rate

ROOT = Path(__file__).resolve().parent.parent
DEFAULT_CONF = ROOT / "conf" / "development.toml"


@dataclass(frozen=True)
class Own:
    """Marks a value that each installation has for itself. Development invents it.

    Production refuses an empty one unless it is `optional`, one with "fake" in it, and the `invented` ones.
    """

    optional: bool = False
    invented: tuple[str, ...] = ()

    def is_fake(self, value: SecretStr | str | int) -> bool:
        """True for a value that production refuses."""
        text = value.get_secret_value() if isinstance(value, SecretStr) else str(value)
        return "fake" in text.lower() or text in self.invented or not (text or self.optional)


_ORIGIN = re.compile(r"\*|https?://([a-z0-9.-]+|\[[0-9a-f:.]+\])(:[0-9]+)?")
_DEFAULT_PORT = re.compile(r"http:.*:80|https:.*:443")

OwnText = Annotated[str, Own()]
SecretKey = Annotated[SecretStr, Own()]
OptionalSecretKey = Annotated[SecretStr, Own(optional=True)]
Port = Annotated[int, Field(ge=0, le=65535)]
Seconds = Annotated[float, Field(ge=0.01, le=3600)]


def _origins(value: object) -> object:
    """Origins (RFC 6454 section 6.2) as a list, or as one text with commas between them."""
    origins = [origin.strip() for origin in value.split(",") if origin.strip()] if isinstance(value, str) else value
    if not isinstance(origins, list | tuple) or not all(_ORIGIN.fullmatch(str(origin)) for origin in origins):
        raise ValueError("takes origins such as https://example.com, in lower case and without a path, or *")
    if any(_DEFAULT_PORT.fullmatch(origin) for origin in origins):
        raise ValueError("takes an origin without the port that its scheme has by default: no browser sends it")
    return tuple(origins)


Origins = Annotated[tuple[str, ...], NoDecode, BeforeValidator(_origins)]
_MIN_KEY_LENGTH = 32  # characters
_LOOPBACK = ("127.0.0.1", "::1", "localhost")


class Section(BaseModel):
    """A table of the TOML file. An unknown key is refused: it is a spelling mistake."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Http(Section):
    """Where and how the server listens."""

    engine: Literal["llhttp", "tornado"] = Field("llhttp", description="the HTTP server: our own, or Tornado's")
    address: str = "127.0.0.1"
    port: Port = Field(8000, description="plain HTTP; 0 turns it off")
    tls_port: Port = Field(8443, description="HTTPS; 0 turns it off")
    tls_certificate: Path | None = None
    tls_key: Path | None = None
    fd: int | None = Field(None, ge=0, description="serve on this inherited listening socket instead")
    processes: int = Field(1, ge=1, le=64, description="workers that serve the same ports")
    trusted_proxies: Proxies = Field((), description="networks whose X-Forwarded-For and the like are believed")
    allow_plain: bool = Field(False, description="in production, serve plain HTTP beside TLS beyond this machine")
    hsts: int = Field(2 * 365 * 86400, ge=0, description="max-age of Strict-Transport-Security in s; 0: none")
    deadline: Seconds = Field(1.2, description="for a request; the wait of a first login for its hash comes on top")
    long_deadline: Seconds = Field(5, description="for a page behind row 10,000 of a list, and for /delete_account")
    max_requests: int = Field(1000, ge=1, description="requests that one process works on; more get 503")
    max_requests_per_user: int = Field(8, ge=1, description="of these, requests of one user")
    heartbeat_timeout: float = Field(3, ge=0, le=3600, description="a worker silent for so long is replaced; 0: never")
    lame_duck: float = Field(0, ge=0, le=3600, description="how long a stop still accepts, while /readyz says draining")
    drain_timeout: Seconds = Field(10, description="how long a stop waits for requests in flight")
    max_connections: int = Field(0, ge=0, description="of one process; 0: as many as descriptors allow")
    max_connections_per_address: int = Field(1000, ge=0, description="of one process; 0: any, as for a trusted proxy")
    docs: bool | None = Field(None, description="serve /docs and /openapi.json; by default in development only")
    cors_origins: Origins = Field((), description="origins of web pages that may call, or *; empty: none")

    @model_validator(mode="after")
    def _consistent(self) -> "Http":
        if (self.tls_certificate is None) != (self.tls_key is None):
            raise ValueError("tls_certificate and tls_key go together")
        if self.fd is None and not self.port and not self.tls_port:
            raise ValueError("port and tls_port are both 0: nothing to listen on")
        return self

    @property
    def is_local(self) -> bool:
        """True when only this machine can connect, as far as these settings know."""
        return self.fd is not None or self.address in _LOOPBACK

    def weaknesses(self) -> Iterator[str]:
        """See `Settings.weaknesses`."""
        if self.port and not self.is_local:
            yield f"http.port: tokens cross the network in plain text at {self.address}:{self.port}"
        if any(proxy != UNIX and proxy.prefixlen == 0 for proxy in self.trusted_proxies):
            yield "http.trusted_proxies: whoever reaches the server can forge its address"
        if self.is_local and not self.trusted_proxies:
            yield "http.trusted_proxies is empty: all clients of a proxy have its address, and share its limits"


class MySQL(Section):
    """The database and its time limits."""

    url: SecretStr
    pool_size: int = Field(32, ge=1, description="connections of one process")
    max_age: float = Field(900, ge=1, le=86400, description="seconds after which a connection is replaced")
    acquire_timeout: Seconds = Field(1, description="to get a connection from the pool or the server")
    query_timeout: Seconds = Field(1.2, description="for one statement of a request")
    long_query_timeout: Seconds = Field(5, description="for one of a deep page, of a deletion, of upkeep or a command")

    @field_validator("url")
    @classmethod
    def _url(cls, value: SecretStr) -> SecretStr:
        mysql_arguments(value.get_secret_value())
        return value


class Redis(Section):
    """The session store and its time limit."""

    url: SecretStr
    timeout: Seconds = Field(0.5, description="for one command, its connection included")

    @field_validator("url")
    @classmethod
    def _url(cls, value: SecretStr) -> SecretStr:
        redis_address(value.get_secret_value())
        return value


class Session(Section):
    """Lifetimes of a login, in seconds."""

    expires: int = Field(86400, ge=1, le=10 * 365 * 86400)
    refresh_grace: int = Field(30, ge=0, description="a just-replaced refresh_token may be retried this long")


class Auth(Section):
    """Checks of a signed request."""

    clock_skew: int = Field(300, ge=0, description="seconds a client's clock may be off")


class Password(Section):
    """Password hashing with Argon2id (RFC 9106). OWASP recommends the default costs for 19 MiB of memory."""

    time_cost: int = Field(2, ge=1)
    memory_kib: int = Field(19 * 1024, ge=8)
    threads: int = Field(1, ge=1, le=16)
    max_wait: Seconds = Field(2, description="for a thread; a login or a registration that would wait longer gets 503")
    remember: int = Field(86400, ge=0, description="seconds a verified password needs no new hash; 0 = always hash")
    remember_key: OptionalSecretKey = Field(SecretStr(""), description="secret of that check; empty: always hash")
    previous_remember_key: OptionalSecretKey = Field(SecretStr(""), description="still recognised while it is rotated")

    @field_validator("remember_key", "previous_remember_key")
    @classmethod
    def _remember_key(cls, value: SecretStr) -> SecretStr:
        # A reader of Redis who knows one password and its check could find a short key by trial.
        if 0 < len(value) < _MIN_KEY_LENGTH:
            raise ValueError(f"takes at least {_MIN_KEY_LENGTH} characters, such as `openssl rand -hex 32` prints")
        return value


class Limits(Section):
    """Rates beyond which the answer is 429, such as "10 per 5 minutes"; empty: no limit (decisions, section 13)."""

    wrong_passwords: OptionalRate = Field(Rate(100, 600), description="of one user, from own addresses and from others")
    wrong_passwords_per_address: OptionalRate = Field(Rate(20, 600), description="of one user, from one address")
    logins_per_address: OptionalRate = Field(Rate(1000, 600), description="passwords checked, right ones too")
    registrations_per_address: OptionalRate = Field(Rate(100, 600), description="users registered")
    uploads_per_user: OptionalRate = Field(Rate(60, 600), description="uploads of rooms, short videos and profiles")
    wrong_signs_per_address: OptionalRate = Field(Rate(30, 600), description="callbacks with a wrong sign")
    reports_per_address: OptionalRate = Field(Rate(30, 600), description="reports of users, at /lite/report_user")
    without_redis: Literal["serve", "refuse"] = Field("serve", description="requests that Redis cannot count")


class Live(Section):
    """Tencent's live service: recordings and the room service."""

    callback_key: SecretKey
    previous_callback_key: OptionalSecretKey = Field(SecretStr(""), description="still accepted while it is rotated")
    api_key: SecretKey
    bizid: str = Field("", pattern=r"^\w*$", description="prefix of stream ids; empty: any digits")
    roomservice_sign_expires: int = Field(600, ge=1)
    vod_window_days: int = Field(0, ge=0, le=36500, description="oldest replay in the list; 0 = all")
    min_duration: int = Field(0, ge=0, description="shorter recordings are ignored")


class Im(Section):
    """Tencent's IM service."""

    sdkappid: Annotated[int, Own(invented=("1", "1400000000"))] = Field(ge=1)
    account_type: OwnText
    secret_key: SecretKey
    usersig_expires: int = Field(180 * 86400, ge=1)


class Cos(Section):
    """Tencent's object storage."""

    bucket: OwnText
    region: OwnText
    appid: Annotated[str, Own(invented=("1", "1250000000"))] = Field(pattern=r"^[0-9]+$")
    secret_id: OwnText
    secret_key: SecretKey
    sign_expires: int = Field(600, ge=61, description="the Android SDK keeps 60 s in reserve")


class Vod(Section):
    """Tencent's video on demand."""

    secret_id: OwnText
    secret_key: SecretKey
    sign_expires: int = Field(86400, ge=1, le=7776000)
    procedure: str = ""
    sub_app_id: int | None = Field(None, ge=1)


class Retention(Section):
    """Days for which rows are kept; 0 keeps them for ever."""

    room_days: int = Field(90, ge=0, le=36500, description="room information, but for the newest of each user")
    undelivered_days: int = Field(30, ge=0, le=36500, description="recording events that could not be used")
    replay_days: int = Field(0, ge=0, le=36500, description="replays, with their files' rows")


class Compat(Section):
    """Deviations from the protocol that the shipped apps need (decisions, section 4)."""

    official_apps: bool = False
    short_video: bool = Field(False, description="serve the official short-video app below /lite/")


class Performance(Section):
    """Optimisations of the hot paths. Each can be turned off."""

    batch: int = Field(256, ge=1, description="look-ups in one call to a store; 1 = each alone")
    page_ttl: float = Field(5, ge=0, le=60, description="seconds until a cached page expires; 0 = no cache")
    page_cache_bytes: int = Field(32 * 2**20, ge=8 * 2**20, description="memory of the page cache of one process")
    uvloop: bool = Field(True, description="use the event loop of libuv instead of asyncio's own")


class Log(Section):
    """Logging: JSON lines for machines, or coloured ones for a terminal."""

    level: Literal["debug", "info", "warning", "error"] = "info"
    format: Literal["json", "console"] = "json"
    access: bool = True


class Metrics(Section):
    """Where Prometheus finds the metrics, and where the workers put them for each other."""

    address: str = "127.0.0.1"
    port: Port = Field(8001, description="of /metrics, which one of the workers serves; 0 turns metrics off")
    directory: Path = Field(ROOT / "var" / "metrics", description="for the numbers of all workers of this server")


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
    limits: Limits = Limits()
    live: Live
    im: Im
    cos: Cos
    vod: Vod
    retention: Retention = Retention()
    compat: Compat = Compat()
    performance: Performance = Performance()
    log: Log = Log()
    metrics: Metrics = Metrics()

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
            if fake := self.fake_values():
                raise ValueError(f"production needs your own values; empty or invented: {', '.join(fake)}")
            if self.http.fd is None and self.http.tls_port and self.http.tls_certificate is None:
                raise ValueError(
                    "production needs http.tls_certificate and http.tls_key, or http.tls_port = 0 behind a TLS proxy"
                )
            if self.http.tls_port and self.http.port and not (self.http.is_local or self.http.allow_plain):
                raise ValueError(
                    f"production serves TLS, and plain HTTP to others too, at {self.http.address}:{self.http.port}: "
                    "http.port = 0 turns that off, and http.allow_plain = true allows it"
                )
        return self

    @property
    def shows_docs(self) -> bool:
        """True when pages describe and try the interfaces."""
        return self.environment == "development" if self.http.docs is None else self.http.docs

    def fake_values(self) -> list[str]:
        """The names of the installation's own values that are empty or invented."""
        return [
            f"{section_name}.{name}"
            for section_name, section in self
            for name, field in getattr(type(section), "model_fields", {}).items()
            for own in field.metadata
            if isinstance(own, Own) and own.is_fake(getattr(section, name))
        ]

    def weaknesses(self) -> Iterator[str]:
        """What these settings leave open to others, in words for the operator."""
        if fake := self.fake_values():
            yield f"invented values, for development only: {', '.join(fake)}"
        if self.environment == "development":
            return
        if not self.live.bizid:
            yield "live.bizid is empty: any digits count as the prefix of a stream id"
        yield from self.http.weaknesses()
        mysql = mysql_arguments(self.mysql.url.get_secret_value())
        if not (mysql["unix_socket"] or mysql["host"] in _LOOPBACK or mysql["ssl"]):
            yield "mysql.url: passwords and rows cross the network in plain text without ?ssl_ca="
        redis = [urlsplit(url) for url in redis_address(self.redis.url.get_secret_value()).urls]
        if any(url.scheme == "redis" and url.hostname not in _LOOPBACK for url in redis):
            yield "redis.url: tokens cross the network in plain text without rediss://"
        if redis[0].scheme != "unix" and not redis[0].password:
            yield "redis.url: whoever reaches Redis can read all tokens: it has no password"

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
        return init_settings, env_settings, TomlConfigSettingsSource(settings_cls, conf_path())


def conf_path() -> Path:
    """The TOML file: the one that `XZB_CONF` names, or development's."""
    return Path(os.environ.get("XZB_CONF", DEFAULT_CONF))


def mysql_arguments(url: str) -> dict[str, Any]:
    """The connect arguments of a `mysql://` URL.

    Shape: `mysql://user:password@host:port/database` or `mysql://user@localhost/database?unix_socket=/path`.
    `?ssl_ca=/path` names the certificates (PEM) that may have signed the server's: then the connection is encrypted.
    `&ssl_cert=/path&ssl_key=/path` adds our own certificate and its key, for a user of whom MySQL requires one.
    Raises ValueError with the expected shape, never with the value: it holds a password.
    """
    parts = split_url(url)
    query = dict(parse_qsl(parts.query, keep_blank_values=True))
    database = unquote(parts.path.lstrip("/"))
    if (
        parts.scheme != "mysql"
        or not parts.username
        or not database
        or "@" in database  # the rest of a password with a "/"
        or not has_port(parts)
        or query.keys() - {"unix_socket"} not in (set(), {"ssl_ca"}, {"ssl_ca", "ssl_cert", "ssl_key"})
        or not all(query.values())
    ):
        raise ValueError(
            "takes mysql://user:password@host:port/database or mysql://user@localhost/database?unix_socket=/path, "
            "with a percent-encoded password"
        )
    return {
        "user": unquote(parts.username),
        "password": unquote(parts.password or ""),
        "host": parts.hostname or "localhost",
        "port": parts.port or 3306,
        "db": database,
        "unix_socket": query.get("unix_socket"),
        "ssl": tls_context(query) if "ssl_ca" in query else None,
    }
