"""One file a tool; TOOLS is the tuple that listing, schema files and the README's table derive from."""

from __future__ import annotations

from typing import Final

from keyapi_mcp.tools import search_products
from keyapi_mcp.tools.base import ToolSpec

TOOLS: Final[tuple[ToolSpec, ...]] = (search_products.TOOL,)
