"""The bare tool: one function over the endpoint with the SDK's `MCPServer`, giving the service's JSON as it came.

Written as a competent person in a hurry would: the endpoint's 36 parameters as typed arguments, one shared HTTP client
with keep-alive, the body handed on as text, unparsed. No cache, retry, spacing or bound, no line logged for each
request, no look at the body, in which a failure can stand.

As the SDK has it by default, the result goes out twice, as text and as structured content. With BENCH_TEXT_ONLY set it
goes out once: the least that such a tool can cost, shown beside.

`python -m benchmarks.peers.raw_json` speaks stdio; with a port as argument, streamable HTTP on loopback.
The service's address is in BENCH_UPSTREAM.
"""

from __future__ import annotations

import os
import sys

import httpx2 as httpx
from mcp.server import MCPServer
from mcp.server.mcpserver.exceptions import ToolError

server = MCPServer("bare", log_level="WARNING")
client = httpx.AsyncClient(
    base_url=os.environ["BENCH_UPSTREAM"], headers={"Authorization": "Bearer sk_bench"}, trust_env=False, timeout=30
)


@server.tool(structured_output=False if os.environ.get("BENCH_TEXT_ONLY") else None)
async def search_products(
    region: str,
    category_id: str | None = None,
    category_l2_id: str | None = None,
    category_l3_id: str | None = None,
    sales_trend_flag: int | None = None,
    min_total_sale_cnt: int | None = None,
    max_total_sale_cnt: int | None = None,
    min_total_sale_30d_cnt: int | None = None,
    max_total_sale_30d_cnt: int | None = None,
    min_spu_avg_price: float | None = None,
    max_spu_avg_price: float | None = None,
    min_product_commission_rate: float | None = None,
    max_product_commission_rate: float | None = None,
    min_total_ifl_cnt: int | None = None,
    max_total_ifl_cnt: int | None = None,
    min_total_video_cnt: int | None = None,
    max_total_video_cnt: int | None = None,
    min_total_views_cnt: int | None = None,
    max_total_views_cnt: int | None = None,
    min_product_rating: float | None = None,
    max_product_rating: float | None = None,
    min_review_count: int | None = None,
    max_review_count: int | None = None,
    is_s_shop: int | None = None,
    free_shipping: int | None = None,
    min_total_sale_gmv_amt: float | None = None,
    max_total_sale_gmv_amt: float | None = None,
    min_total_sale_gmv_30d_amt: float | None = None,
    max_total_sale_gmv_30d_amt: float | None = None,
    min_first_crawl_dt: int | None = None,
    max_first_crawl_dt: int | None = None,
    sales_flag: int | None = None,
    product_sort_field: int | None = None,
    sort_type: int | None = None,
    page_num: int = 1,
    page_size: int = 10,
) -> str:
    """Search TikTok Shop products of one market by category, sales, GMV, price, commission, creators and rating."""
    parameters = {name: value for name, value in locals().items() if value is not None}
    response = await client.get("/v1/tiktok/product/list/analytics", params=parameters)
    if response.status_code != 200:
        raise ToolError(f"HTTP {response.status_code}: {response.text}")
    return response.text


if __name__ == "__main__":
    if len(sys.argv) > 1:
        server.run("streamable-http", port=int(sys.argv[1]))
    else:
        server.run()
