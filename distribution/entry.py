"""What a host starts, as `server/main.py` of the bundle: the package is beside it, its requirements are installed."""

import os
import sys

# A host that hands on a placeholder has nothing to put in its place.
for name, value in list(os.environ.items()):
    if name.startswith("KEYAPI_") and value.startswith("${user_config."):
        del os.environ[name]

from keyapi_mcp.__main__ import main  # noqa: E402

if __name__ == "__main__":
    sys.exit(main())
