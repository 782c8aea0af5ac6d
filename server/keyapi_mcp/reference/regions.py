"""The markets that TikTok Shop is known to have. The list is open: an unknown code is passed on with a warning."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

KNOWN: Final = {
    "US": "United States",
    "ID": "Indonesia",
    "TH": "Thailand",
    "PH": "Philippines",
    "MY": "Malaysia",
    "VN": "Vietnam",
    "GB": "United Kingdom",
    "MX": "Mexico",
    "SG": "Singapore",
    "SA": "Saudi Arabia",
    "BR": "Brazil",
    "ES": "Spain",
    "JP": "Japan",
    "DE": "Germany",
    "IT": "Italy",
    "FR": "France",
    "IE": "Ireland",
}
_OTHER_NAMES: Final = {"UK": "GB", "GREAT BRITAIN": "GB", "USA": "US", "UNITED STATES OF AMERICA": "US"} | {
    name.upper(): code for code, name in KNOWN.items()
}


@dataclass(frozen=True, slots=True)
class Region:
    """A market's code; known: whether it is known to work."""

    code: str
    known: bool


def normalise(text: str) -> Region:
    """A code in any case, UK, or an English country name. Raises ValueError, in words for the caller, otherwise."""
    folded = " ".join(text.upper().split())
    code = _OTHER_NAMES.get(folded, folded)
    if not re.fullmatch(r"[A-Z]{2}", code):
        raise ValueError(f"must be a two-letter country code; known are {', '.join(KNOWN)}.")
    return Region(code, code in KNOWN)


def doubt(code: str) -> str:
    """A sentence for an answer without a product, where the market may be the cause; empty for a known one."""
    if code in KNOWN:
        return ""
    # One letter is the same, or both are exchanged.
    near = [one for one in KNOWN if one[0] == code[0] or one[1] == code[1] or one == code[::-1]]
    return (
        f"{code} is not among the markets known to work here; "
        f"{'the nearest' if near else 'known'} {'is' if len(near) == 1 else 'are'} {', '.join(near or KNOWN)}."
    )
