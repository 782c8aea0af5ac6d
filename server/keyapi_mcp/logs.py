"""Logging: standard library, one line a record, on standard error."""

from __future__ import annotations

import logging
import sys
from typing import Final

from keyapi_mcp.printed import one_line

# These speak of requests in full below WARNING: addresses with their query, headers of answers.
_TALKATIVE: Final = ("httpx2", "httpcore2", "httpx", "httpcore", "mcp", "sse_starlette", "uvicorn")


class OneLine(logging.Formatter):
    """A record is one line, whatever its message holds; a stack follows as one line, too."""

    def format(self, record: logging.LogRecord) -> str:
        return one_line(super().format(record))


def configure(level: str) -> None:
    """Send all records of this level and above to standard error."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(OneLine("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    logging.basicConfig(level=level, handlers=[handler], force=True)
    for name in _TALKATIVE:
        logging.getLogger(name).setLevel(max(logging.WARNING, logging.getLevelName(level)))
    # It says of each retry what the client has just said.
    logging.getLogger("stamina").setLevel(logging.ERROR)
    logging.captureWarnings(True)
