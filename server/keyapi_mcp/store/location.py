"""Where the store's file is: one for each service, so that real, synthetic and other data are never mixed."""

from __future__ import annotations

import hashlib
import os
import re
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from keyapi_mcp.errors import StoreUnavailable
from keyapi_mcp.home import home
from keyapi_mcp.settings import DEFAULT_BASE_URL, Settings

_DEFAULT_PORTS: Final = {"https": 443, "http": 80}


def store_path(settings: Settings) -> Path | None:
    """The file for the service in use; `None` keeps everything in memory."""
    if settings.store == "memory":
        return None
    service = _one_spelling(settings.base_url)
    if settings.sandbox:
        name = "sandbox"
    elif service == DEFAULT_BASE_URL:
        name = "keyapi"
    else:
        # Another address may be anything, a sandbox of its own included.
        readable = re.sub(r"[^a-z0-9]+", "-", service.partition("://")[2].lower()).strip("-")[:40]
        name = f"other-{readable}-{hashlib.sha256(service.encode()).hexdigest()[:8]}"
    return home(settings) / f"{name}.sqlite"


def is_made(path: Path) -> bool:
    """Whether the file is there yet; looking makes none. Raises StoreUnavailable where it could not be made either."""
    if os.path.lexists(path):
        return True
    nearest = next(place for place in path.absolute().parents if os.path.lexists(place))
    if not (os.access(nearest, os.W_OK | os.X_OK) and nearest.is_dir()):
        raise StoreUnavailable(str(path), f"{nearest} is no directory that can be written")
    return False


def _one_spelling(address: str) -> str:
    """Of the several that a service's address has: with two files its limits would count twice."""
    parts = urlsplit(address)
    host = (parts.hostname or "").rstrip(".")
    host = f"[{host}]" if ":" in host else host
    port = "" if parts.port in (None, _DEFAULT_PORTS.get(parts.scheme)) else f":{parts.port}"
    return f"{parts.scheme}://{host}{port}{parts.path}"
