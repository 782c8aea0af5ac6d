"""The sandbox's command-line options, apart from the sandbox, so that a parser can be made without loading it."""

from __future__ import annotations

import argparse
from datetime import date


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--port", type=int, default=8700, help="port on this machine; 0 picks a free one")
    parser.add_argument("--products", type=int, default=5000, help="products in all markets together")
    parser.add_argument("--seed", type=int, default=1, help="another number, another catalogue")
    parser.add_argument(
        "--date", type=date.fromisoformat, help="the day the figures speak of, yyyy-mm-dd (default: yesterday, UTC)"
    )
    parser.add_argument("--faults", action="store_true", help="serve the switches for tests under /_sandbox/")
