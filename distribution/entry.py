"""What a host starts with uv, as `server/main.py` of the bundle: the package is beside it.

What it requires is installed here, because `uv run` knows hashes from a `uv.lock` only, which names download addresses.
"""

from __future__ import annotations

import importlib
import os
import shutil
import site
import subprocess
import sys
import sysconfig
from importlib.util import find_spec
from pathlib import Path

BUNDLE = Path(__file__).resolve().parents[1]
REQUIRED = BUNDLE / "requirements.txt"
# What was installed the last time.
INSTALLED = Path(sys.prefix) / "requirements.txt"


def install() -> None:
    """Into the environment that `uv run` made for the bundle, each file by its hash; nothing where all is there.

    An environment of somebody else's is left as it is.
    """
    own = BUNDLE / os.environ.get("UV_PROJECT_ENVIRONMENT", ".venv")
    if Path(sys.prefix).resolve() != own.resolve():
        return
    wanted = REQUIRED.read_bytes()
    # Some hosts let uv remove what it did not install itself.
    if INSTALLED.is_file() and INSTALLED.read_bytes() == wanted and find_spec("mcp"):
        return
    uv = os.environ.get("UV") or shutil.which("uv")
    if uv is None:
        sys.exit("keyapi-mcp: uv, which installs what is required, is not on the path.")
    # Nothing is built: what a build would need has no hash.
    command = [uv, "pip", "sync", "--quiet", "--require-hashes", "--no-build", "--python", sys.executable]
    # Standard input and output are the protocol's, and the key is not for uv.
    done = subprocess.run(
        [*command, str(REQUIRED)],
        stdin=subprocess.DEVNULL,
        stdout=sys.stderr,
        env={name: value for name, value in os.environ.items() if not name.startswith("KEYAPI_")},
        check=False,
    )
    if done.returncode:
        sys.exit("keyapi-mcp: what is required could not be installed; uv says why above.")
    INSTALLED.write_bytes(wanted)
    importlib.invalidate_caches()
    # With what its .pth files name.
    site.addsitedir(sysconfig.get_path("purelib"))


# A host that hands on a placeholder has nothing to put in its place.
for name, value in list(os.environ.items()):
    if name.startswith("KEYAPI_") and value.startswith("${user_config."):
        del os.environ[name]

install()

from keyapi_mcp import installation  # noqa: E402
from keyapi_mcp.__main__ import main  # noqa: E402

os.environ[installation.BUNDLE] = "1"

if __name__ == "__main__":
    sys.exit(main())
