"""The sandbox's command-line options, apart from the sandbox, so that a parser can be made without loading it."""

from __future__ import annotations

import argparse
from datetime import date


def port(text: str) -> int:
    """Raises ValueError, which argparse words, for what is no port."""
    number = int(text)
    if not 0 <= number <= 65535:
        raise ValueError
    return number


def count(text: str) -> int:
    number = int(text)
    if not 1 <= number <= 1_000_000:
        raise ValueError
    return number


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--port", type=port, default=8700, help="port on this machine; 0 picks a free one")
    parser.add_argument("--products", type=count, default=5000, help="products in all markets together")
    parser.add_argument("--seed", type=int, default=1, help="another number, another catalogue")
    parser.add_argument(
        "--date", type=date.fromisoformat, help="the day the figures speak of, yyyy-mm-dd (default: yesterday, UTC)"
    )
    parser.add_argument("--faults", action="store_true", help="serve the switches for tests under /_sandbox/")
