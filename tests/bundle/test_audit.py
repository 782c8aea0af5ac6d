"""The audit's report: what is known, what could not be looked up, and never one for the other."""

from __future__ import annotations

from typing import Any

from distribution.audit import report

FINE: dict[str, Any] = {"name": "a", "version": "1", "vulns": []}
BAD: dict[str, Any] = {"name": "b", "version": "2", "vulns": [{"id": "PYSEC-1", "fix_versions": ["3"]}]}
UNKNOWN: dict[str, Any] = {"name": "c", "skip_reason": "not found"}


def test_a_vulnerability_is_named_with_the_version_that_mends_it() -> None:
    assert report([FINE, BAD]) == (["VULNERABLE: b 2: PYSEC-1, mended in 3"], True)


def test_what_could_not_be_looked_up_is_not_called_sound() -> None:
    assert report([UNKNOWN, UNKNOWN]) == (["SKIPPED: 2 of 2, no advisories can be had for them here"], False)


def test_nothing_known_is_said_of_what_was_looked_up() -> None:
    lines, vulnerable = report([FINE, UNKNOWN])
    assert lines[1] == "1 of 2 looked up, nothing known against them"
    assert not vulnerable
