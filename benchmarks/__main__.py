"""`python -m benchmarks`: measure, print a table a part and a summary. Exit code 0 whatever the figures are."""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

from benchmarks import machine
from benchmarks.effort import FULL, QUICK
from benchmarks.parts import PARTS
from benchmarks.report import Figure, around_markers, markdown, summary, write_into


def main() -> int:
    options = _options()
    effort = QUICK if options.quick else FULL
    described = machine.described()
    print(described + (" Quick run: the figures scatter." if options.quick else ""), flush=True)
    started = time.monotonic()
    figures: list[Figure] = []
    for name in options.only:
        part = PARTS[name](effort)
        print(f"\n{part}", flush=True)
        figures += part.figures
    print(f"\nSummary ({time.monotonic() - started:.0f} s)\n{summary(figures)}")
    print("  Values are medians; a ratio is the median of the ratios within a round, not of the two values shown.")
    text = markdown(figures, described)
    if options.markdown:
        print(f"\n{text}")
    if options.write is not None:
        write_into(options.write, "benchmarks", text)
    return 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description="What this server costs, side by side.")
    parser.add_argument("--quick", action="store_true", help="under a minute; the figures scatter more")
    parser.add_argument(
        "--only", type=_parts, default=list(PARTS), metavar="a,b", help=f"only these parts: {', '.join(PARTS)}"
    )
    parser.add_argument("--markdown", action="store_true", help="also print the summary as Markdown")
    parser.add_argument(
        "--write", type=Path, metavar="FILE", help="put the summary between the file's benchmark markers"
    )
    options = parser.parse_args()
    if options.write is not None:
        # Looked at now, because nobody wants to hear it after three minutes.
        if options.quick or options.only != list(PARTS):
            parser.error("--write takes a whole run: neither --quick nor --only")
        try:
            around_markers(options.write, "benchmarks")
        except (OSError, ValueError) as error:
            parser.error(str(error))
    return options


def _parts(text: str) -> list[str]:
    names = [name.strip() for name in text.split(",")]
    if unknown := [name for name in names if name not in PARTS]:
        raise argparse.ArgumentTypeError(f"no such part: {', '.join(unknown)}")
    return names


if __name__ == "__main__":
    sys.exit(main())
