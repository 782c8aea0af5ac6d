"""Where the store's file is: one for each service, so that real, synthetic and other data are never mixed."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path
from typing import Final

from keyapi_mcp.errors import InvalidSettings
from keyapi_mcp.settings import DEFAULT_BASE_URL, Settings

_APPLICATION: Final = "keyapi-mcp"


def home(settings: Settings) -> Path:
    """The directory of everything that is kept: `KEYAPI_MCP_HOME`, or the platform's place for a user's data.

    Raises InvalidSettings for the home of a user that there is not.
    """
    if settings.home is not None:
        try:
            return settings.home.expanduser()
        except RuntimeError:
            raise InvalidSettings(
                "KEYAPI_MCP_HOME: there is no such user", "correct the setting and start again"
            ) from None
    import platformdirs

    return Path(platformdirs.user_data_dir(_APPLICATION, appauthor=False))


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
