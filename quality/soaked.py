"""`keyapi-mcp serve` as it is, and `/_soak` tells what it still holds; `/_soak?collect` collects garbage first."""

from __future__ import annotations

import asyncio
import gc
import os
import sys
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from keyapi_mcp import cli
from keyapi_mcp.transports import http

_http_app = http.http_app


def _watched(server: Any, *arguments: Any, **options: Any) -> Starlette:
    app = _http_app(server, *arguments, **options)

    async def held(request: Request) -> JSONResponse:
        if "collect" in request.query_params:
            gc.collect()
        sessions = len(server.session_manager._server_instances)
        return JSONResponse({"sessions": sessions, "tasks": len(asyncio.all_tasks()), "process": os.getpid()})

    app.router.routes.append(Route("/_soak", held))
    return app


if __name__ == "__main__":
    http.http_app = _watched
    sys.exit(cli.main(sys.argv[1:]))
