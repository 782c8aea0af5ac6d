"""Logs: one line a record on standard error, whatever the record holds, and no talk of requests by libraries."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterator

import pytest

from keyapi_mcp.logs import configure

LIBRARIES = ["httpx2", "httpcore2", "httpx", "httpcore", "mcp", "sse_starlette", "uvicorn"]


@pytest.fixture(autouse=True)
def _as_before() -> Iterator[None]:
    """Put the process's logging back as it was."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    levels = {name: logging.getLogger(name).level for name in LIBRARIES}
    yield
    logging.captureWarnings(False)
    root.handlers[:] = handlers
    root.setLevel(level)
    for name, before in levels.items():
        logging.getLogger(name).setLevel(before)


def test_records_go_to_standard_error_and_never_to_standard_output(capsys: pytest.CaptureFixture[str]) -> None:
    configure("INFO")
    logging.getLogger("keyapi_mcp.test").info("page of %d rows", 10)
    out, err = capsys.readouterr()
    assert out == ""
    assert err.endswith(" INFO keyapi_mcp.test: page of 10 rows\n")


def test_records_below_the_level_are_not_written(capsys: pytest.CaptureFixture[str]) -> None:
    configure("WARNING")
    logging.getLogger("keyapi_mcp.test").info("quiet")
    logging.getLogger("keyapi_mcp.test").warning("loud")
    assert [line.rsplit(": ", 1)[1] for line in capsys.readouterr().err.splitlines()] == ["loud"]


@pytest.mark.parametrize(
    "text",
    ["a\nb", "a\r\nb", "a\x1b[31mb", "a\x00b", "a\u2028b", "a\x85b", "a\u202eb", "a\ttab", "half \ud800 a pair"],
)
def test_a_record_is_one_line_that_steers_no_terminal(capsys: pytest.CaptureFixture[str], text: str) -> None:
    configure("INFO")
    logging.getLogger("keyapi_mcp.test").info("tool %s called", text)
    written = capsys.readouterr().err
    assert written.endswith("\n")
    assert written[:-1].isprintable()
    assert "called" in written


def test_text_in_other_scripts_stays_readable(capsys: pytest.CaptureFixture[str]) -> None:
    configure("INFO")
    logging.getLogger("keyapi_mcp.test").info("น้ำหอม 香水 – ✓")
    assert "น้ำหอม 香水 – ✓" in capsys.readouterr().err


def test_a_stack_follows_on_the_same_line(capsys: pytest.CaptureFixture[str]) -> None:
    configure("INFO")
    try:
        raise ValueError("inner\nreason")
    except ValueError:
        logging.getLogger("keyapi_mcp.test").exception("failed")
    (line,) = capsys.readouterr().err.splitlines()
    assert "failed\\nTraceback" in line
    assert line.endswith("ValueError: inner\\nreason")


@pytest.mark.parametrize("name", LIBRARIES)
def test_libraries_stay_silent_about_requests_even_when_we_debug(capsys: pytest.CaptureFixture[str], name: str) -> None:
    configure("DEBUG")
    logging.getLogger(f"{name}.client").info("GET https://api.example/?key=5ecre7")
    logging.getLogger(name).debug("header 5ecre7")
    assert capsys.readouterr().err == ""
    logging.getLogger(name).warning("trouble")
    assert "trouble" in capsys.readouterr().err


def test_a_retry_is_told_once_by_the_client_itself(capsys: pytest.CaptureFixture[str]) -> None:
    configure("INFO")
    logging.getLogger("stamina").warning("stamina.retry_scheduled")
    assert capsys.readouterr().err == ""


def test_at_error_the_libraries_warnings_are_not_written(capsys: pytest.CaptureFixture[str]) -> None:
    configure("ERROR")
    logging.getLogger("uvicorn").warning("trouble")
    assert capsys.readouterr().err == ""


def test_python_warnings_are_records_too(capsys: pytest.CaptureFixture[str]) -> None:
    configure("WARNING")
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        logging.captureWarnings(True)
        warnings.warn("old thing", UserWarning, stacklevel=1)
    written = capsys.readouterr().err
    assert "WARNING py.warnings: " in written
    assert written.count("\n") == 1


def test_configuring_again_does_not_write_records_twice(capsys: pytest.CaptureFixture[str]) -> None:
    configure("INFO")
    configure("INFO")
    logging.getLogger("keyapi_mcp.test").info("once")
    assert capsys.readouterr().err.count("once") == 1
