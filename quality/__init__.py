"""What the suite cannot show by itself: judged by clients that others wrote, and under faults. Run by `make interop`
and `make faults`."""

import sys
from pathlib import Path

# Servers, sandboxes and clients are started as the tests start them, by the same code.
sys.path.insert(0, str(Path(__file__).parent.parent / "tests"))
