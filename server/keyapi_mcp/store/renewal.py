"""Metrics that older formulas or other weights have computed are computed anew, while nothing is asked."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from keyapi_mcp.settings import Settings

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from keyapi_mcp.research.derived import Rules

logger = logging.getLogger(__name__)

_RENEWED_AT_ONCE: Final = 100


@dataclass(frozen=True, slots=True)
class Renewal:
    """The database's chore: a few products at a time."""

    settings: Settings
    rules: Rules

    def is_due(self, connection: Connection) -> bool:
        from keyapi_mcp.store import upkeep

        left = upkeep.outdated(connection, self.rules)
        if left:
            logger.info("rules have changed: the metrics of %d products are computed anew", left)
        return left > 0

    def step(self, connection: Connection) -> None:
        from keyapi_mcp.store import upkeep

        upkeep.recompute(connection, self.settings.service_commission_unit, self.rules, _RENEWED_AT_ONCE)
