"""`make faults`: print the fault matrix, and compare it with docs/quality.md, or write it there."""

from __future__ import annotations

import argparse
import logging
import sys
import time

from quality.faults import flapping, matrix, surroundings
from quality.faults.matrix import Row
from quality.own_home import own_home
from quality.report import publish, run_line

_HEAD = "| fault | the model saw | next step | error | requests | credits | with an older answer | cells |"


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m quality.faults", description=__doc__)
    parser.add_argument("--write", action="store_true", help="write docs/quality.md instead of comparing it")
    options = parser.parse_args()
    # The test server's own, of handshakes that are meant to fail.
    logging.getLogger("anyio.streams.tls").disabled = True
    begin = time.monotonic()
    rows: list[Row] = []
    with own_home():
        for part in (matrix.rows, surroundings.rows, flapping.rows):
            for row in part():
                rows.append(row)
                print(f"{row.slowest_s:5.1f} s  {_line(row)}", flush=True)
                for mistake in row.wrong:
                    print(f"  WRONG  {mistake}", flush=True)
    document = _document(rows, time.monotonic() - begin)
    failed = any(row.wrong for row in rows)
    if failed and options.write:
        print("nothing was written: see WRONG above")
        return 1
    exit_code = max(publish("faults", document, check=not options.write), int(failed))
    # Once more at the end, where a long log is read first.
    for row in rows:
        for mistake in row.wrong:
            print(f"WRONG  {row.fault}: {mistake}")
    return exit_code


def _document(rows: list[Row], seconds: float) -> str:
    cells = sum(row.cells for row in rows)
    good = sum(row.cells for row in rows if not row.wrong)
    return "\n".join(
        [
            "Each fault meets a real server process on each transport (stdio, streamable HTTP, SSE): with nothing "
            "kept, with a fresh answer kept (then no request is made, whatever the fault) and with an older one kept. "
            "Text, `isError`, requests at the service, credits in the ledger and seconds are asserted in every cell; "
            "the columns show what was seen with nothing kept. Credits: paid, and 0–n where the service does not say.",
            "",
            _HEAD,
            "|" + " --- |" * (_HEAD.count("|") - 1),
            *map(_line, rows),
            "",
            f"{good} of {cells} cells passed. Huge and packed bodies took less than 64 MB of a server's memory.",
            "",
            run_line(seconds),
        ]
    )


def _line(row: Row) -> str:
    passed = f"{0 if row.wrong else row.cells}/{row.cells}"
    cells = (row.fault, row.saw, row.step, row.error, row.requests, row.credits, row.older, passed)
    return "| " + " | ".join(cell.replace("|", "¦").replace("\n", " ") for cell in cells) + " |"


if __name__ == "__main__":
    sys.exit(main())
