"""SECURITY.md names tests that exist, settings that are read, and nobody's address."""

from __future__ import annotations

import re
from pathlib import Path

from keyapi_mcp.settings import Settings, variable

ROOT = Path(__file__).parents[2]
POLICY = (ROOT / "SECURITY.md").read_text("utf-8")


def test_every_test_that_is_named_is_there() -> None:
    named = re.findall(r"`(tests/[^`]+)`", POLICY)
    assert len(set(named)) > 10
    assert [path for path in named if not (ROOT / path).exists()] == []


def test_every_setting_that_is_named_is_read() -> None:
    assert set(re.findall(r"KEYAPI_[A-Z_]+[A-Z]", POLICY)) <= {variable((name,)) for name in Settings.model_fields}


def test_nobody_is_made_up_to_report_to() -> None:
    assert not re.search(r"[\w.+-]+@[\w-]+\.\w|mailto:|github\.com/|gitlab\.com/", POLICY)
    assert set(re.findall(r"https?://[^\s`)]+", POLICY)) == {"https://api.keyapi.ai"}


def test_the_readme_leads_to_it() -> None:
    assert "(SECURITY.md)" in (ROOT / "README.md").read_text("utf-8")
