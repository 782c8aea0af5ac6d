"""One file a tool; TOOLS is the tuple that listing, schema files and the README's table derive from."""

from __future__ import annotations

from typing import Final

from keyapi_mcp.tools import (
    compare_products,
    find_categories,
    get_changes,
    get_product,
    get_usage,
    query_products,
    run_recipe,
    scan_products,
    search_products,
    watch_products,
)
from keyapi_mcp.tools.base import ToolSpec

TOOLS: Final[tuple[ToolSpec, ...]] = (
    search_products.TOOL,
    scan_products.TOOL,
    run_recipe.TOOL,
    get_product.TOOL,
    compare_products.TOOL,
    watch_products.TOOL,
    get_changes.TOOL,
    find_categories.TOOL,
    query_products.TOOL,
    get_usage.TOOL,
)
