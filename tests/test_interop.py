"""The helpers of `make interop`: what counts as passed, what may fail, and what a transcript fills in."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from quality.interop import conformance, environments, fixture_server, fixtures, mistakes, transcript
from quality.interop.judge import Check, Row, failures, said, table

GOOD, BAD = Check("one:good", True), Check("two:bad", False, "it is not so")


def test_a_row_counts_what_passed_and_tells_what_did_not() -> None:
    row = Row("Judge 1", "stdio", "2025-11-25", (GOOD, BAD), "a note")
    assert table([row]).splitlines()[-1] == "| Judge 1 | stdio | 2025-11-25 | 1/2 | a note |"
    assert failures([row]) == ["Judge 1, stdio, 2025-11-25: two:bad: it is not so"]
    assert not row.good


def test_a_judge_that_looked_at_nothing_has_not_passed() -> None:
    row = Row("Judge 1", "stdio", "2025-11-25")
    assert not row.good
    assert failures([row]) == ["Judge 1, stdio, 2025-11-25: nothing was checked"]


def test_what_a_client_did_not_say_or_was_not_asked_has_failed() -> None:
    lines: list[dict[str, object]] = [{"check": "call", "ok": True}, {"check": "more", "ok": True}]
    checks = said(("call", "cancel"), lines)
    assert [(check.name, check.passed) for check in checks] == [("call", True), ("cancel", False), ("more", False)]


def test_an_expected_failure_is_known_and_not_counted_as_passed() -> None:
    for line in ("two:bad", "two"):
        checks = conformance.judged([GOOD, BAD], {line: "a reason"})
        assert [(check.passed, check.good) for check in checks] == [(True, True), (False, True)]


def test_an_expected_failure_that_passes_or_is_met_by_nothing_fails() -> None:
    for line in ("one:good", "one", "three:gone"):
        assert [check.name for check in conformance.judged([GOOD], {line: "a reason"}) if not check.good] == [line]


def test_a_scenario_that_says_nothing_fails() -> None:
    assert [check.name for check in conformance.judged([GOOD], {}, ["one", "two"]) if not check.good] == ["two"]


def test_every_line_of_the_expected_failures_has_its_reason() -> None:
    text = (environments.HERE / "expected_failures.yml").read_text("utf-8")
    found = conformance.expected_failures(text)
    titles = {f"{server} server, {suite.name}" for server in ("real", "fixture") for suite in conformance.SETS}
    assert found.keys() <= titles
    assert sum(map(len, found.values())) == sum(line.startswith("  - ") for line in text.splitlines()) > 0
    with pytest.raises(ValueError, match="a line needs its reason: - ping"):
        conformance.expected_failures("real server, 0.1.16:\n  - ping\n")


@pytest.mark.parametrize("era", ["2025-11-25", "2026-07-28"])
def test_a_fixture_that_no_scenario_reached_fails_and_so_does_a_name_that_does_not_exist(era: str) -> None:
    wanted = fixtures.wanted(era)
    lines = [f"{fixture_server.REACHED}{name}\n" for name in wanted]
    assert all(check.passed for check in conformance.reached(era, lines))
    lines = [*lines[1:], f"{fixture_server.UNKNOWN}test_new\n"]
    failed = [check.name for check in conformance.reached(era, lines) if not check.passed]
    assert failed == [f"fixture {wanted[0]}", "tool test_new"]


def test_the_second_call_is_filled_with_what_the_answer_taught() -> None:
    wrong = {"{1}": "{2}", "product_ids": [mistakes.ID], "product_id": mistakes.ROUNDED_ID, "pages": 2}
    filled = transcript.filled(wrong, "1729427500456823419", ("category_id", "601450"))
    assert filled == {
        "category_id": "601450",
        "product_ids": ["1729427500456823419"],
        "product_id": 1729427500456823296,
        "pages": 2,
    }


def test_every_mistake_is_another_and_has_a_way_on() -> None:
    assert len({mistake.name for mistake in mistakes.MISTAKES}) == len(mistakes.MISTAKES)
    for mistake in mistakes.MISTAKES:
        assert (mistake.names is None) == (mistake.then is None), mistake.name


def test_the_npm_packages_are_locked_exactly_by_content_without_an_address() -> None:
    folder = environments.HERE / "node"
    wanted = json.loads((folder / "package.json").read_text("utf-8"))["dependencies"]
    assert all(not version.startswith(("^", "~", ">")) for version in wanted.values())
    packages = json.loads((folder / "package-lock.json").read_text("utf-8"))["packages"]
    packages.pop("")
    assert all("integrity" in package for package in packages.values() if not package.get("inBundle"))
    assert not any("resolved" in package for package in packages.values())


def test_an_environment_is_built_again_when_its_lock_file_changes(tmp_path: Path) -> None:
    lock = tmp_path / "lock"
    lock.write_text("a==1")
    assert not environments._is_built(tmp_path, [lock])
    environments._mark_built(tmp_path, [lock])
    assert environments._is_built(tmp_path, [lock])
    lock.write_text("a==2")
    assert not environments._is_built(tmp_path, [lock])
