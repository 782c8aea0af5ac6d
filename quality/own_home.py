"""A run that is not touched by, and does not touch, what belongs to whoever starts it."""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from unittest import mock


@contextmanager
def own_home() -> Iterator[None]:
    """No key, proxy or setting of the person's own, and a store that is removed at the end."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith("KEYAPI_") and not name.lower().endswith("_proxy")
    }
    # The command of this very program: texts then name it briefly, whoever runs them.
    kept["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{kept.get('PATH', '')}"
    with tempfile.TemporaryDirectory() as folder:
        kept["KEYAPI_MCP_HOME"] = str(Path(folder) / "home")
        with mock.patch.dict(os.environ, kept, clear=True):
            yield
