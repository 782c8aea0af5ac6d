"""Where the store's file is: one for each service, so that real, synthetic and other data are never mixed."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

from keyapi_mcp.home import home
from keyapi_mcp.settings import DEFAULT_BASE_URL, Settings


def store_path(settings: Settings) -> Path | None:
    """The file for the service in use; `None` keeps everything in memory."""
    if settings.store == "memory":
        return None
    if settings.sandbox:
        name = "sandbox"
    elif settings.base_url.lower() == DEFAULT_BASE_URL:
        name = "keyapi"
    else:
        # Another address may be anything, a sandbox of its own included.
        readable = re.sub(r"[^a-z0-9]+", "-", settings.base_url.partition("://")[2].lower()).strip("-")[:40]
        name = f"other-{readable}-{hashlib.sha256(settings.base_url.encode()).hexdigest()[:8]}"
    return home(settings) / f"{name}.sqlite"
