"""Where the store's file is: one for each service, so that real, synthetic and other data are never mixed."""

from __future__ import annotations

import hashlib
import os
import re
from pathlib import Path

from keyapi_mcp.errors import StoreUnavailable
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


def is_made(path: Path) -> bool:
    """Whether the file is there yet; looking makes none. Raises StoreUnavailable where it could not be made either."""
    if os.path.lexists(path):
        return True
    nearest = next(place for place in path.absolute().parents if os.path.lexists(place))
    if not (os.access(nearest, os.W_OK | os.X_OK) and nearest.is_dir()):
        raise StoreUnavailable(str(path), f"{nearest} is no directory that can be written")
    return False
