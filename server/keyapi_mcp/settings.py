"""One frozen `Settings`, read once at the edge from the environment and flags, with its secrets masked.

Only the environment is read. No `.env` or other file of the working directory: a client may start the server in a
folder of somebody else's, and such a file could redirect the key.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Final, Literal
from urllib.parse import urlsplit

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    PrivateAttr,
    SecretStr,
    ValidationError,
    field_validator,
    model_validator,
)
from pydantic_settings import BaseSettings, NoDecode, PydanticBaseSettingsSource, SettingsConfigDict

from keyapi_mcp.errors import InvalidSettings
from keyapi_mcp.key_file import UnusableKey, is_plain, read_key
from keyapi_mcp.reference.commission import CommissionUnit

DEFAULT_BASE_URL: Final = "https://api.keyapi.ai"
PREFIX: Final = "KEYAPI_MCP_"
# Clients cut a call at 60 s; the whole of ours, waiting and retries included, stays well below.
LONGEST_CALL_S: Final = 44.0

_ON, _OFF = ("on", "true", "yes", "1", "t", "y"), ("off", "false", "no", "0", "f", "n")


def switch(value: object) -> object:
    """On or off, as the environment writes it. Raises ValueError naming what it may be."""
    if not isinstance(value, str):
        return value
    word = value.strip().lower()
    if word not in _ON + _OFF:
        raise ValueError("must be on or off (or true/false, yes/no, 1/0)")
    return word in _ON


def _base_url(value: str) -> str:
    value = value.strip()
    try:
        parts = urlsplit(value)
        usable = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0
    except ValueError:  # its own words would quote the address
        usable = False
    if not usable or not value.isprintable() or " " in value:
        raise ValueError(f"must be an https:// address, for example {DEFAULT_BASE_URL}")
    if any(mark in value for mark in "@?#"):
        raise ValueError("must be an address without user, query or fragment")
    if parts.scheme == "http" and not is_loopback(parts.hostname or ""):
        raise ValueError("must be https:// (plain http only to this machine), because it carries the key")
    return value.rstrip("/")


def _file_name(value: str | None) -> str | None:
    if value is not None and not value.isprintable():
        raise ValueError("must be the name of a file")
    return value and value.strip()


def _comma_list(value: object) -> object:
    return tuple(part.strip() for part in value.split(",") if part.strip()) if isinstance(value, str) else value


def _directory(value: Path | None) -> Path | None:
    if value is None:
        return None
    if not str(value).isprintable():
        raise ValueError("must be the path of a directory")
    try:
        return value.expanduser()
    except RuntimeError:
        raise ValueError("there is no such user") from None


def _limit(value: object) -> object:
    return None if isinstance(value, str) and value.strip().lower() == "off" else value


Switch = Annotated[bool, BeforeValidator(switch)]
Limit = Annotated[Annotated[int, Field(ge=0)] | None, BeforeValidator(_limit)]
CommaList = Annotated[tuple[str, ...], NoDecode, BeforeValidator(_comma_list)]


def is_loopback(host: str) -> bool:
    """Whether a host name or address means this machine."""
    if host.lower().rstrip(".") == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


class Settings(BaseSettings):
    """Every setting, with its default. Field descriptions are the README's settings table."""

    model_config = SettingsConfigDict(
        frozen=True, extra="ignore", env_prefix=PREFIX, env_ignore_empty=True, populate_by_name=True
    )

    token: SecretStr | None = Field(None, validation_alias="KEYAPI_TOKEN", description="Your KeyAPI key (`sk_live_…`).")
    token_file: Path | None = Field(
        None,
        validation_alias="KEYAPI_TOKEN_FILE",
        repr=False,  # where the key itself is put here by mistake
        description="A file that holds the key, instead of `KEYAPI_TOKEN`.",
    )
    base_url: Annotated[str, AfterValidator(_base_url)] = Field(
        DEFAULT_BASE_URL,
        validation_alias="KEYAPI_API_BASE_URL",
        description="The service's address; plain http only to this machine.",
    )
    sandbox: Switch = Field(
        False, description="`1`: answer from a built-in synthetic catalogue; the key is then never used."
    )
    commission_unit: CommissionUnit = Field(
        "fraction", description="How the service counts commission: `fraction` (0.15) or `percent` (15)."
    )
    integer_enums: Switch = Field(
        True, description="`off`: no integer enums in tool schemas (Gemini clients refuse them)."
    )
    fresh_s: float = Field(
        21_600, ge=0, description="Seconds for which an answer is given again without a request; `0` = never."
    )
    cache_rows: int = Field(
        1_000, ge=0, le=1_000_000, description="Rows kept in memory (about 12 KB each); the least used go first."
    )
    home: Annotated[Path | None, AfterValidator(_directory)] = Field(
        None, description="Directory of everything that is kept; by default the platform's place for a user's data."
    )
    store: Annotated[
        Literal["sqlite", "memory"], BeforeValidator(lambda value: value.lower() if isinstance(value, str) else value)
    ] = Field("sqlite", description="`memory`: keep nothing beyond the process; limits then hold per process.")
    accepted_loss: Annotated[str | None, AfterValidator(_file_name)] = Field(
        None, description="The damaged file whose lost credit ledger is accepted, by the name that the refusal gives."
    )
    offline: Switch = Field(False, description="`1`: answer from the store only, never open a connection.")
    credits_per_call: Limit = Field(10, description="Most credits that one call may spend; `off` lifts the limit.")
    credits_per_day: Limit = Field(200, description="Most credits a day (UTC), all processes together; `off`.")
    credits_per_month: Limit = Field(3_000, description="Most credits a month (UTC), all processes together; `off`.")
    max_in_flight: int = Field(4, ge=1, le=256, description="Requests to the service at once.")
    min_interval_s: float = Field(
        0.3, ge=0, le=60, description="Seconds between the starts of two requests; `0` = no spacing."
    )
    connect_timeout_s: float = Field(5, gt=0, le=LONGEST_CALL_S, description="Seconds to connect.")
    read_timeout_s: float = Field(25, gt=0, le=LONGEST_CALL_S, description="Seconds without a byte of the answer.")
    total_timeout_s: float = Field(
        40, gt=0, le=LONGEST_CALL_S, description="Seconds for a whole call, waiting and retries included."
    )
    max_body_bytes: int = Field(
        16 * 1024 * 1024, ge=1024, description="Largest answer read from the service, unpacked."
    )
    auth_token: SecretStr | None = Field(
        None,
        description="HTTP: the bearer token that clients must send; needed to listen beyond this machine.",
    )
    allowed_hosts: CommaList = Field(
        (), description="HTTP: names and addresses by which clients reach it (`mybox.lan`), comma-separated."
    )
    allowed_origins: CommaList = Field((), description="HTTP: further `Origin` values to accept, comma-separated.")
    max_request_bytes: int = Field(1024 * 1024, ge=1024, description="HTTP: largest request body from a client.")
    # From what a client may be silent for between two requests to a day, after which nobody comes back.
    session_idle_s: float = Field(
        1_800, ge=5, le=86_400, description="HTTP: seconds without a request after which a session is forgotten."
    )
    log_level: Annotated[
        Literal["DEBUG", "INFO", "WARNING", "ERROR"],
        BeforeValidator(lambda value: value.upper() if isinstance(value, str) else value),
    ] = Field("WARNING", description="`DEBUG`, `INFO`, `WARNING` or `ERROR`; logs go to standard error.")

    _key_fault: str | None = PrivateAttr(None)

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],  # noqa: ARG003
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Flags first, then the environment, and nothing else."""
        # Code may name a field; the environment has one name for a setting, the documented one.
        env_settings.config = {**env_settings.config, "populate_by_name": False}
        return init_settings, env_settings

    @field_validator("token", "auth_token")
    @classmethod
    def _clean_secret(cls, value: SecretStr | None) -> SecretStr | None:
        if value is None or not (text := value.get_secret_value().strip()):
            return None
        if not is_plain(text):
            raise ValueError("must be plain printable characters without spaces")
        return SecretStr(text)

    @model_validator(mode="after")
    def _key_from_file(self) -> Settings:
        if self.token is None and self.token_file is not None and not self.sandbox:
            # A fault is kept, not raised: a client shows of a server that ends at once only that it has ended.
            try:
                object.__setattr__(self, "token", SecretStr(read_key(self.token_file)))
            except UnusableKey as fault:
                self._key_fault = f"the file that KEYAPI_TOKEN_FILE names {fault}"
        return self

    @property
    def service_commission_unit(self) -> CommissionUnit:
        """What the service in use counts in; the sandbox follows the default."""
        return "fraction" if self.sandbox else self.commission_unit

    @property
    def api_key(self) -> SecretStr | None:
        """The key to send, or `None`. In sandbox mode the real key is out of reach by construction."""
        return SecretStr("sk_sandbox") if self.sandbox else self.token

    @property
    def key_fault(self) -> str | None:
        """Why there is no key although a file for it is named, in words."""
        return self._key_fault


def read_settings(**flags: Any) -> Settings:
    """Read the settings: flags that are not `None` win over the environment.

    Raises InvalidSettings naming each wrong variable and what it may be, never its value.
    """
    given = {name: value for name, value in flags.items() if value is not None}
    try:
        return Settings(**given)
    except ValidationError as error:
        # Pydantic's own text would quote the input, which may be a key.
        problems = [
            f"{variable(problem['loc'])}: {problem['msg'].removeprefix('Value error, ')}"
            if problem["loc"]
            else problem["msg"].removeprefix("Value error, ")
            for problem in error.errors(include_url=False, include_input=False)
        ]
        raise InvalidSettings("\n".join(problems), "correct the setting and start again") from None


def variable(location: tuple[int | str, ...]) -> str:
    """The environment variable that a field is read from."""
    name = str(location[0])
    field = Settings.model_fields.get(name)
    if field is None:
        return name
    return str(field.validation_alias) if field.validation_alias else PREFIX + name.upper()


def settings_table() -> list[tuple[str, str, str]]:
    """(variable, default, description) of every setting, for the README."""
    rows = []
    for name, field in Settings.model_fields.items():
        rows.append((variable((name,)), _shown(field.default), field.description or ""))
    return rows


def _shown(default: object) -> str:
    if default is None or default == ():
        return ""
    # Not in a table of words: 1 and 1.0 would be found there as True.
    return "`on`" if default is True else "`off`" if default is False else f"`{default}`"


def unknown_variables(environment: Mapping[str, str]) -> list[str]:
    """Variables with our prefix that no setting reads: most likely a typing mistake, so worth a warning."""
    known = {variable((name,)) for name in Settings.model_fields}
    return sorted(name for name in environment if name.startswith(PREFIX) and name not in known)
