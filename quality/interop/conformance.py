"""The official conformance suite: what needs no fixtures against the real server, all against the fixture server."""

from __future__ import annotations

import json
import re
import sys
import tempfile
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

from quality.interop import fixture_server, fixtures, processes
from quality.interop.environments import HERE, modules, node, version_of
from quality.interop.judge import Check, Row

STABLE: Final = "@modelcontextprotocol/conformance"
ALPHA: Final = "conformance-alpha"
_SECONDS: Final = 300
_EXPECTED: Final = HERE / "expected_failures.yml"


@dataclass(frozen=True, slots=True)
class Set:
    """A set of scenarios. everything: the suite's arguments that run all; generic: those that need no fixtures."""

    name: str
    package: str
    era: str
    everything: tuple[str, ...]
    generic: tuple[str, ...]
    version: tuple[str, ...] = ()


_LEGACY: Final = (
    "server-initialize",
    "ping",
    "tools-list",
    "resources-list",
    "server-sse-multiple-streams",
    "dns-rebinding-protection",
)
SETS: Final = (
    Set("0.1.16", STABLE, "2025-11-25", ("--suite", "all"), _LEGACY),
    Set(
        "2025-11-25",
        ALPHA,
        "2025-11-25",
        ("--requirements", "2025-11-25"),
        (*_LEGACY, "server-session-lifecycle"),
        ("--spec-version", "2025-11-25"),
    ),
    Set(
        "2026-07-28",
        ALPHA,
        "2026-07-28",
        ("--requirements", "2026-07-28"),
        (
            "server-stateless",
            "tools-list",
            "resources-list",
            "sep-2164-resource-not-found",
            "server-sse-multiple-streams",
            "dns-rebinding-protection",
            "caching",
            "http-header-validation",
            "input-required-result-unsupported-methods",
        ),
        ("--spec-version", "2026-07-28"),
    ),
)
# Checks of the generic scenarios that call a fixture all the same. A server without it answers "there is no such tool",
# which some of them take for a pass: only the fixture server's word counts.
_CALL_FIXTURES: Final = frozenset(
    {
        "server-stateless:sep-2575-server-rejects-undeclared-capability",
        "server-stateless:sep-2575-missing-capability-http-400",
        "server-stateless:sep-2575-http-server-no-independent-requests-on-stream",
        "server-stateless:sep-2575-server-no-log-without-loglevel",
    }
)
_NEEDS_PROMPTS: Final = frozenset({"caching:sep-2549-prompts-list-caching-hints"})
# Scenarios of an optional extension that the server does not offer; the suite itself does not score them.
_EXTENSION: Final = "tasks-"


def rows() -> Iterator[Row]:
    expected = expected_failures(_EXPECTED.read_text("utf-8"))
    with processes.service() as service, tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as home:
        env = processes.settings(service, Path(home))
        with processes.server(env) as real:
            prompts = processes.offers_prompts(real.url)
            for suite in SETS:
                yield _real(suite, real.url, expected.pop(f"real server, {suite.name}", {}), prompts=prompts)
        for suite in SETS:
            # One each, so that what a set has reached is known.
            with processes.server(env, sys.executable, "-m", fixture_server.__name__) as fixture:
                found = _run(suite, fixture.url, suite.everything)
            yield _fixture(suite, found, expected.pop(f"fixture server, {suite.name}", {}), fixture.written)
    if expected:
        raise ValueError(f"expected_failures.yml speaks of what is not run: {', '.join(expected)}")


def _real(suite: Set, url: str, expected: dict[str, str], *, prompts: bool) -> Row:
    scenarios = (*suite.generic, *(["prompts-list"] if prompts else []))
    found = [check for one in scenarios for check in _run(suite, url, ("--scenario", one, *suite.version))]
    left_out = _CALL_FIXTURES if prompts else _CALL_FIXTURES | _NEEDS_PROMPTS
    counted = [check for check in found if check.name not in left_out]
    notes = [] if prompts else ["prompts not offered"]
    if calling := sum(check.name in _CALL_FIXTURES for check in found):
        notes.append(f"{calling} checks that call fixtures are left to the fixture server")
    return _row(suite, "real server", judged(counted, expected, scenarios), notes)


def _fixture(suite: Set, found: list[Check], expected: dict[str, str], written: list[str]) -> Row:
    counted = [check for check in found if not check.name.startswith(_EXTENSION)]
    checks = [*judged(counted, expected), *reached(suite.era, written)]
    return _row(suite, "fixture server", checks, [])


def _row(suite: Set, server: str, checks: list[Check], notes: list[str]) -> Row:
    if known := sum(check.known for check in checks):
        notes.append(f"{known} known failures, each with its reason in expected_failures.yml")
    name = f"Conformance suite {version_of(suite.package)}, {server}"
    return Row(name, "streamable HTTP", suite.era, tuple(checks), "; ".join(notes))


def _run(suite: Set, url: str, arguments: tuple[str, ...]) -> list[Check]:
    """Every check of a run, named `scenario:check`."""
    with tempfile.TemporaryDirectory() as folder:
        program = str(modules() / suite.package / "dist" / "index.js")
        command = [node(), program, "server", "--url", f"{url}/mcp", "--output-dir", folder, *arguments]
        done = processes.run(command, seconds=_SECONDS)
        found = [check for file in sorted(Path(folder).glob("*/checks.json")) for check in _checks(file)]
    if not found:
        told = (done.stderr or done.stdout).strip().splitlines()
        found = [Check(" ".join(arguments), False, told[-1] if told else "the suite said nothing")]
    return found


def _checks(file: Path) -> Iterator[Check]:
    scenario = re.sub(r"^server-(.*)-\d{4}-\d\d-\d\dT[\d-]+Z$", r"\1", file.parent.name)
    found: list[dict[str, Any]] = json.loads(file.read_text("utf-8"))
    for check in found:
        # What the suite itself skipped, or only tells, is no verdict.
        if check["status"] in ("SUCCESS", "FAILURE", "WARNING"):
            detail = str(check.get("errorMessage") or "")
            yield Check(f"{scenario}:{check['id']}", check["status"] == "SUCCESS", detail.replace("\n", " "))


def judged(found: Iterable[Check], expected: dict[str, str], scenarios: Collection[str] = ()) -> list[Check]:
    """The checks; those that fail as expected are marked as known. Each line that met no failure makes a failing one.

    scenarios: those that were asked for; each has to have said something.
    """
    checks = []
    met = set()
    for check in found:
        scenario = check.name.split(":")[0]
        name = check.name if check.name in expected else scenario
        if name in expected and not check.passed:
            met.add(name)
            check = replace(check, known=True)
        checks.append(check)
    named = {check.name.split(":")[0] for check in checks}
    checks += [Check(scenario, False, "said nothing") for scenario in scenarios if scenario not in named]
    stale = sorted(expected.keys() - met)
    return checks + [Check(name, False, "passes; remove its line from expected_failures.yml") for name in stale]


def reached(era: str, written: Iterable[str]) -> list[Check]:
    """Whether the scenarios of an era met their fixtures, and nothing by a name that does not exist."""
    marks = [line.strip() for line in written]
    met = {line.removeprefix(fixture_server.REACHED) for line in marks if line.startswith(fixture_server.REACHED)}
    unknown = {line.removeprefix(fixture_server.UNKNOWN) for line in marks if line.startswith(fixture_server.UNKNOWN)}
    wanted = fixtures.wanted(era)
    return [
        *(Check(f"fixture {name}", name in met, "no scenario reached it") for name in wanted),
        *(Check(f"tool {name}", False, "is no fixture") for name in sorted(unknown - fixtures.NOT_OFFERED)),
    ]


def expected_failures(text: str) -> dict[str, dict[str, str]]:
    """Title → {scenario or scenario:check → reason}. Raises ValueError for a line without a reason."""
    found: dict[str, dict[str, str]] = {}
    title = ""
    for line in text.splitlines():
        if not line.strip() or line.startswith("#"):
            continue
        if not line.startswith(" "):
            title = line.strip().removesuffix("[]").strip().removesuffix(":")
            found[title] = {}
            continue
        entry = re.fullmatch(r"  - (\S+) # (\S.*)", line)
        if entry is None or not title:
            raise ValueError(f"expected_failures.yml: a line needs its reason: {line.strip()}")
        found[title][entry[1]] = entry[2]
    return found
