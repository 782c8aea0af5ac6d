"""Settings: from the environment and flags alone, each bounded, secrets masked, and errors that name no value."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from keyapi_mcp.errors import InvalidSettings
from keyapi_mcp.settings import (
    DEFAULT_BASE_URL,
    LONGEST_CALL_S,
    Settings,
    _shown,
    is_loopback,
    read_settings,
    settings_table,
    unknown_variables,
    variable,
)

KEY = "sk_live_5ecre7-5ecre7"


@pytest.fixture(autouse=True)
def _no_home(_own_store: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is kept here, and defaults are what is looked at."""
    monkeypatch.delenv("KEYAPI_MCP_HOME")


@pytest.fixture
def environment(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Set variables for one test."""

    def set_variables(**variables: str) -> None:
        for name, value in variables.items():
            monkeypatch.setenv(name, value)

    return set_variables


def refusal(**flags: Any) -> str:
    with pytest.raises(InvalidSettings) as refused:
        read_settings(**flags)
    assert refused.value.__cause__ is None
    assert refused.value.__suppress_context__, "the library's own text, which quotes values, would be printed"
    assert refused.value.next_step
    return refused.value.what


def test_without_any_variable_everything_has_its_default() -> None:
    settings = read_settings()
    assert settings.token is None
    assert settings.api_key is None
    assert settings.base_url == DEFAULT_BASE_URL == "https://api.keyapi.ai"
    assert settings.sandbox is False
    assert (settings.fresh_s, settings.max_in_flight, settings.min_interval_s) == (6 * 3600, 4, 0.3)
    assert settings.max_body_bytes == 16 * 1024 * 1024
    assert settings.total_timeout_s < 45


# --- every variable -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "text", "field", "value"),
    [
        ("KEYAPI_API_BASE_URL", "https://proxy.example/keyapi/", "base_url", "https://proxy.example/keyapi"),
        ("KEYAPI_MCP_SANDBOX", "1", "sandbox", True),
        ("KEYAPI_MCP_SANDBOX", "ON", "sandbox", True),
        ("KEYAPI_MCP_SANDBOX", "true", "sandbox", True),
        ("KEYAPI_MCP_SANDBOX", "0", "sandbox", False),
        ("KEYAPI_MCP_SANDBOX", " off ", "sandbox", False),
        ("KEYAPI_MCP_COMMISSION_UNIT", "percent", "commission_unit", "percent"),
        ("KEYAPI_MCP_INTEGER_ENUMS", "off", "integer_enums", False),
        ("KEYAPI_MCP_INTEGER_ENUMS", "on", "integer_enums", True),
        ("KEYAPI_MCP_FRESH_S", "0", "fresh_s", 0),
        ("KEYAPI_MCP_FRESH_S", "1.5", "fresh_s", 1.5),
        ("KEYAPI_MCP_CACHE_ROWS", "0", "cache_rows", 0),
        ("KEYAPI_MCP_CACHE_ROWS", "1000000", "cache_rows", 1_000_000),
        ("KEYAPI_MCP_MAX_IN_FLIGHT", "256", "max_in_flight", 256),
        ("KEYAPI_MCP_MIN_INTERVAL_S", "0", "min_interval_s", 0),
        ("KEYAPI_MCP_MIN_INTERVAL_S", "1.1", "min_interval_s", 1.1),
        ("KEYAPI_MCP_CONNECT_TIMEOUT_S", "0.5", "connect_timeout_s", 0.5),
        ("KEYAPI_MCP_READ_TIMEOUT_S", "44", "read_timeout_s", 44),
        ("KEYAPI_MCP_TOTAL_TIMEOUT_S", "44", "total_timeout_s", 44),
        ("KEYAPI_MCP_MAX_BODY_BYTES", "1024", "max_body_bytes", 1024),
        ("KEYAPI_MCP_ALLOWED_HOSTS", "a.example, b.example:8000,,", "allowed_hosts", ("a.example", "b.example:8000")),
        ("KEYAPI_MCP_ALLOWED_ORIGINS", "https://a.example", "allowed_origins", ("https://a.example",)),
        ("KEYAPI_MCP_MAX_REQUEST_BYTES", "2048", "max_request_bytes", 2048),
        ("KEYAPI_MCP_SESSION_IDLE_S", "5", "session_idle_s", 5),
        ("KEYAPI_MCP_SESSION_IDLE_S", "86400", "session_idle_s", 86_400),
        ("KEYAPI_MCP_LOG_LEVEL", "debug", "log_level", "DEBUG"),
    ],
)
def test_a_variable_is_read_into_its_setting(environment: Any, name: str, text: str, field: str, value: object) -> None:
    environment(**{name: text})
    assert getattr(read_settings(), field) == value


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("KEYAPI_MCP_SANDBOX", "maybe-v4lue"),
        ("KEYAPI_MCP_COMMISSION_UNIT", "PERCENT-v4lue"),
        ("KEYAPI_MCP_INTEGER_ENUMS", "v4lue"),
        ("KEYAPI_MCP_FRESH_S", "-1"),
        ("KEYAPI_MCP_FRESH_S", "nan"),
        ("KEYAPI_MCP_FRESH_S", "six-v4lue"),
        ("KEYAPI_MCP_CACHE_ROWS", "-1"),
        ("KEYAPI_MCP_CACHE_ROWS", "1000001"),
        ("KEYAPI_MCP_CACHE_ROWS", "1.5"),
        ("KEYAPI_MCP_MAX_IN_FLIGHT", "0"),
        ("KEYAPI_MCP_MAX_IN_FLIGHT", "257"),
        ("KEYAPI_MCP_MIN_INTERVAL_S", "-0.1"),
        ("KEYAPI_MCP_MIN_INTERVAL_S", "61"),
        ("KEYAPI_MCP_MIN_INTERVAL_S", "inf"),
        ("KEYAPI_MCP_CONNECT_TIMEOUT_S", "0"),
        ("KEYAPI_MCP_READ_TIMEOUT_S", "45"),
        ("KEYAPI_MCP_TOTAL_TIMEOUT_S", "45"),
        ("KEYAPI_MCP_TOTAL_TIMEOUT_S", "nan"),
        ("KEYAPI_MCP_MAX_BODY_BYTES", "1023"),
        ("KEYAPI_MCP_MAX_REQUEST_BYTES", "1023"),
        ("KEYAPI_MCP_SESSION_IDLE_S", "4"),
        ("KEYAPI_MCP_SESSION_IDLE_S", "86401"),
        ("KEYAPI_MCP_LOG_LEVEL", "loud-v4lue"),
        ("KEYAPI_MCP_AUTH_TOKEN", "two words-v4lue"),
        ("KEYAPI_TOKEN", "sk live v4lue"),
        ("KEYAPI_TOKEN", "sk_läve_v4lue"),
        ("KEYAPI_TOKEN", "sk_live\x1b_v4lue"),
        ("KEYAPI_API_BASE_URL", "v4lue"),
    ],
)
def test_a_value_out_of_bounds_is_refused_by_the_variables_name_alone(environment: Any, name: str, text: str) -> None:
    environment(**{name: text})
    message = refusal()
    assert message.startswith(f"{name}: ")
    assert "\n" not in message
    assert "v4lue" not in message


@pytest.mark.parametrize("name", ["KEYAPI_MCP_SANDBOX", "KEYAPI_MCP_OFFLINE", "KEYAPI_MCP_INTEGER_ENUMS"])
def test_a_switch_says_what_it_may_be(environment: Any, name: str) -> None:
    environment(**{name: "ja"})
    assert refusal() == f"{name}: must be on or off (or true/false, yes/no, 1/0)"


def test_all_wrong_variables_are_told_together(environment: Any) -> None:
    environment(KEYAPI_MCP_CACHE_ROWS="-1", KEYAPI_TOKEN="sk live", KEYAPI_MCP_LOG_LEVEL="loud")
    assert [line.split(":")[0] for line in refusal().split("\n")] == [
        "KEYAPI_TOKEN",
        "KEYAPI_MCP_CACHE_ROWS",
        "KEYAPI_MCP_LOG_LEVEL",
    ]


def test_an_empty_variable_is_one_that_is_not_set(environment: Any) -> None:
    environment(**{name: "" for name, _, _ in settings_table()})
    assert read_settings() == Settings.model_construct()


def test_a_flag_wins_over_the_environment_and_an_absent_flag_does_not(environment: Any) -> None:
    environment(KEYAPI_MCP_LOG_LEVEL="DEBUG", KEYAPI_MCP_SANDBOX="1")
    assert read_settings(log_level="ERROR", sandbox=None).log_level == "ERROR"
    assert read_settings(log_level=None).log_level == "DEBUG"
    assert read_settings(sandbox=None).sandbox is True


def test_settings_cannot_be_changed_after_they_were_read() -> None:
    with pytest.raises(ValidationError):
        read_settings().sandbox = True  # type: ignore[misc]


# --- the key ------------------------------------------------------------------------------------------------------


def test_the_key_is_masked_wherever_settings_are_shown(environment: Any) -> None:
    environment(KEYAPI_TOKEN=f" {KEY}\n", KEYAPI_MCP_AUTH_TOKEN="cl1ent-5ecre7")
    settings = read_settings()
    assert settings.api_key is not None
    assert settings.api_key.get_secret_value() == KEY
    shown = f"{settings!r} {settings!s} {settings.model_dump()} {settings.model_dump_json()} {settings.api_key!r}"
    assert "5ecre7" not in shown


# With a byte order mark: Windows' editor and PowerShell, whose ">" writes UTF-16.
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_the_key_can_come_from_a_file(environment: Any, tmp_path: Path, encoding: str, newline: str) -> None:
    file = tmp_path / "key"
    file.write_bytes(f"{newline}  {KEY}{newline}".encode(encoding))
    environment(KEYAPI_TOKEN_FILE=str(file))
    settings = read_settings()
    assert settings.api_key is not None
    assert settings.api_key.get_secret_value() == KEY
    assert "5ecre7" not in repr(settings)


def test_a_key_of_the_environment_wins_over_the_file_which_is_not_opened_then(environment: Any, tmp_path: Path) -> None:
    environment(KEYAPI_TOKEN=KEY, KEYAPI_TOKEN_FILE=str(tmp_path / "absent"))
    settings = read_settings()
    assert settings.api_key is not None
    assert settings.api_key.get_secret_value() == KEY


@pytest.mark.parametrize(
    ("content", "fault"),
    [
        (None, "is not there"),
        (b" \r\n", "is empty"),
        (b"\xef\xbb\xbf", "is empty"),
        (b"\xff\xfe5ecre7\x00", "is not text"),
        (b"\xff\xfe5ecre7", "holds something else than a key"),
        ("5ecre7".encode("utf-16-le"), "holds something else than a key"),
        (b"sk live 5ecre7", "holds something else than a key"),
        (b"sk_live_5ecre7\nsk_live_5ecre8", "holds something else than a key"),
        ("schlüssel_5ecre7".encode(), "holds something else than a key"),
        (b"sk_live_5ecre7" * 1_000, "holds something else than a key"),
    ],
)
def test_a_file_without_a_key_is_a_fault_that_can_be_told_and_no_reason_not_to_start(
    environment: Any, tmp_path: Path, content: bytes | None, fault: str
) -> None:
    file = tmp_path / "key"
    if content is not None:
        file.write_bytes(content)
    environment(KEYAPI_TOKEN_FILE=str(file))
    settings = read_settings()
    assert settings.api_key is None
    assert settings.key_fault is not None
    assert settings.key_fault.startswith(f"the file that KEYAPI_TOKEN_FILE names {fault}")
    assert "5ecre7" not in settings.key_fault + repr(settings)


def test_a_folder_in_the_place_of_the_keys_file_is_called_one(environment: Any, tmp_path: Path) -> None:
    environment(KEYAPI_TOKEN_FILE=str(tmp_path))
    assert read_settings().key_fault == "the file that KEYAPI_TOKEN_FILE names is a folder, not a file"


def test_a_key_given_for_the_name_of_its_file_is_not_shown(environment: Any) -> None:
    environment(KEYAPI_TOKEN_FILE=KEY)
    settings = read_settings()
    assert settings.key_fault == "the file that KEYAPI_TOKEN_FILE names is not there"
    assert "5ecre7" not in repr(settings)
    environment(KEYAPI_MCP_SANDBOX="1")
    assert "5ecre7" not in repr(read_settings())


def test_where_no_file_is_named_or_its_key_is_good_there_is_no_fault(environment: Any, tmp_path: Path) -> None:
    assert read_settings().key_fault is None
    (tmp_path / "key").write_text(KEY)
    environment(KEYAPI_TOKEN_FILE=str(tmp_path / "key"))
    assert read_settings().key_fault is None


def test_the_sandbox_wins_over_a_key_which_is_then_out_of_reach(environment: Any, tmp_path: Path) -> None:
    environment(KEYAPI_TOKEN=KEY, KEYAPI_TOKEN_FILE=str(tmp_path / "absent"), KEYAPI_MCP_SANDBOX="1")
    settings = read_settings()
    assert settings.api_key is not None
    assert settings.api_key.get_secret_value() == "sk_sandbox"


def test_the_sandbox_does_not_even_open_the_keys_file(environment: Any, tmp_path: Path) -> None:
    environment(KEYAPI_TOKEN_FILE=str(tmp_path / "absent"))
    settings = read_settings(sandbox=True)
    assert (settings.token, settings.key_fault) == (None, None)


def test_the_sandbox_counts_commission_in_fractions_whatever_the_service_does(environment: Any) -> None:
    environment(KEYAPI_MCP_COMMISSION_UNIT="percent")
    assert read_settings().service_commission_unit == "percent"
    assert read_settings(sandbox=True).service_commission_unit == "fraction"


# --- where they do not come from -------------------------------------------------------------------------------------


def test_no_file_of_the_working_directory_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / ".env").write_text(
        f"KEYAPI_TOKEN={KEY}\nKEYAPI_API_BASE_URL=https://evil.example\nKEYAPI_MCP_SANDBOX=1\n"
    )
    for name in ("keyapi_token", "KEYAPI_TOKEN", "token", "base_url", "settings.json", "pyproject.toml"):
        (tmp_path / name).write_text(KEY)
    monkeypatch.chdir(tmp_path)
    assert Path(".env").exists()
    assert read_settings() == Settings.model_construct()


@pytest.mark.parametrize(
    "name", ["KEYAPI_MCP_TOKEN", "KEYAPI_MCP_BASE_URL", "KEYAPI_MCP_TOKEN_FILE", "TOKEN", "BASE_URL", "SANDBOX"]
)
def test_a_setting_has_no_second_name_in_the_environment(environment: Any, name: str) -> None:
    environment(**{name: "https://evil.example"})
    assert read_settings() == Settings.model_construct()
    assert unknown_variables({name: ""}) == ([name] if name.startswith("KEYAPI_MCP_") else [])


# --- the base URL -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "address",
    [
        "https://api.keyapi.ai",
        "https://gateway.example:8443/keyapi",
        "http://127.0.0.1:8700",
        "http://127.9.9.9:8700",
        "http://localhost:8700",
        "http://LOCALHOST:8700",
        "http://[::1]:8700",
    ],
)
def test_an_address_over_tls_or_of_this_machine_is_taken(environment: Any, address: str) -> None:
    environment(KEYAPI_API_BASE_URL=f" {address}/ ")
    assert read_settings().base_url == address


@pytest.mark.parametrize(
    "address",
    [
        "http://api.keyapi.ai",
        "http://127.0.0.1.evil.example",
        "http://localhost.evil.example",
        "http://192.168.1.5:8700",
        "http://0.0.0.0:8700",
        "http://[fe80::1]:8700",
    ],
)
def test_plain_http_to_another_machine_is_refused_because_of_the_key(environment: Any, address: str) -> None:
    environment(KEYAPI_API_BASE_URL=address)
    message = refusal()
    assert message == (
        "KEYAPI_API_BASE_URL: must be https:// (plain http only to this machine), because it carries the key"
    )


@pytest.mark.parametrize(
    "address",
    [
        "https://user:5ecre7@api.keyapi.ai",
        "https://5ecre7@api.keyapi.ai",
        "https://@api.keyapi.ai",
        "https://api.keyapi.ai?key=5ecre7",
        "https://api.keyapi.ai?",
        "https://api.keyapi.ai/#5ecre7",
        "https://api.keyapi.ai#",
        "http://127.0.0.1\\@evil.example",
    ],
)
def test_an_address_with_user_query_or_fragment_is_refused(environment: Any, address: str) -> None:
    environment(KEYAPI_API_BASE_URL=address)
    assert refusal() == "KEYAPI_API_BASE_URL: must be an address without user, query or fragment"


@pytest.mark.parametrize(
    "address",
    [
        "api.keyapi.ai",
        "ftp://api.keyapi.ai",
        "https://",
        "https:///path",
        "https://api.keyapi.ai:99999",
        "https://api.keyapi.ai:port",
        "https://api.keyapi.ai:0",
        "https://[::1",
        "https://[5ecre7]",
        "https://user:5ecre7@ho\u2100st",
        "https://api.key api.ai",
        "https://api.key\napi.ai",
        "https://api.keyapi.ai\u200b",
        "file:///etc/passwd",
    ],
)
def test_what_is_no_address_is_refused_without_repeating_it(environment: Any, address: str) -> None:
    environment(KEYAPI_API_BASE_URL=address)
    assert refusal() == f"KEYAPI_API_BASE_URL: must be an https:// address, for example {DEFAULT_BASE_URL}"


@pytest.mark.parametrize(
    ("host", "loopback"),
    [
        ("127.0.0.1", True),
        ("127.1.2.3", True),
        ("::1", True),
        ("[::1]", True),
        ("localhost", True),
        ("LocalHost.", True),
        ("0.0.0.0", False),
        ("::", False),
        ("10.0.0.1", False),
        ("localhost.example", False),
        ("", False),
        ("127.0.0.1.example", False),
    ],
)
def test_loopback_is_told_from_what_only_looks_like_it(host: str, loopback: bool) -> None:
    assert is_loopback(host) is loopback


# --- the table ----------------------------------------------------------------------------------------------------


def test_the_table_has_a_row_for_every_setting_with_its_default_and_meaning() -> None:
    table = settings_table()
    assert len(table) == len(Settings.model_fields)
    assert len({name for name, _, _ in table}) == len(table)
    for name, default, meaning in table:
        assert name.startswith("KEYAPI_")
        assert default == "" or (default.startswith("`") and default.endswith("`"))
        assert meaning.endswith((".", ").")), name
        assert "\n" not in meaning
    rows = {name: default for name, default, _ in table}
    assert rows["KEYAPI_TOKEN"] == ""
    assert rows["KEYAPI_MCP_SANDBOX"] == "`off`"
    assert rows["KEYAPI_MCP_INTEGER_ENUMS"] == "`on`"
    assert rows["KEYAPI_MCP_FRESH_S"] == "`21600`"
    assert (_shown(1), _shown(1.0), _shown(0)) == ("`1`", "`1.0`", "`0`")
    assert rows["KEYAPI_MCP_ALLOWED_HOSTS"] == ""
    assert rows["KEYAPI_MCP_LOG_LEVEL"] == "`WARNING`"


def test_every_variable_of_the_table_is_really_read() -> None:
    # A value that no setting can take shows that it was looked at; those that take any text are set to it.
    for name, _, _ in settings_table():
        with pytest.MonkeyPatch.context() as only_this:
            only_this.setenv(name, "\x01 \u2028")
            if name in ("KEYAPI_TOKEN_FILE", "KEYAPI_MCP_ALLOWED_HOSTS", "KEYAPI_MCP_ALLOWED_ORIGINS"):
                assert read_settings() != Settings.model_construct()
            else:
                assert refusal().startswith(f"{name}: ")


def test_a_mistyped_variable_is_found_and_a_right_one_is_not() -> None:
    environment = {name: "" for name, _, _ in settings_table()}
    environment |= {"KEYAPI_MCP_SANDBOXX": "", "KEYAPI_MCP_FRESH": "", "PATH": "", "KEYAPI_OTHER_TOOL": ""}
    assert unknown_variables(environment) == ["KEYAPI_MCP_FRESH", "KEYAPI_MCP_SANDBOXX"]


def test_a_location_that_is_no_field_keeps_its_own_name() -> None:
    assert variable(("token",)) == "KEYAPI_TOKEN"
    assert variable(("cache_rows",)) == "KEYAPI_MCP_CACHE_ROWS"
    assert variable(("elsewhere",)) == "elsewhere"


def test_no_call_can_be_set_to_outlast_what_clients_wait_for() -> None:
    assert LONGEST_CALL_S < 45
    assert math.isfinite(read_settings(total_timeout_s=LONGEST_CALL_S).total_timeout_s)
