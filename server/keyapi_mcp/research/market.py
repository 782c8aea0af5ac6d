"""How concentrated a sample of products is; always within the sample, never of the market."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from typing import NamedTuple


class Concentration(NamedTuple):
    """Shares of the sample's GMV of 30 days (fractions) and the Herfindahl–Hirschman index (0–10,000).

    holders: how many distinct products or sellers hold it.
    """

    top_1: float
    top_3: float
    top_10: float
    hhi: float
    holders: int


def concentration_of(amounts: Iterable[tuple[str | None, float | None]]) -> Concentration | None:
    """Concentration of g_30 by product or seller; amounts: each with its holder.

    HHI = Σ (share in %)²: under 1,000 unconcentrated, 1,000–1,800 moderate, above high. Origin: US merger guidelines
    2023. Guard: some product has a holder and GMV; products without either are left out.
    """
    held: defaultdict[str, float] = defaultdict(float)
    for who, gmv in amounts:
        if who is not None and gmv:
            held[who] += gmv
    whole = sum(held.values())
    if not whole:
        return None
    shares = sorted((amount / whole for amount in held.values()), reverse=True)
    return Concentration(
        top_1=shares[0],
        top_3=sum(shares[:3]),
        top_10=sum(shares[:10]),
        hhi=sum((share * 100) ** 2 for share in shares),
        holders=len(shares),
    )
