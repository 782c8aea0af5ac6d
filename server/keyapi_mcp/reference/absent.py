"""What people ask for that this source does not have, and the nearest number that it does have."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Absent:
    """what: in words; names: what columns and parameters of it are called elsewhere; nearest: what there is instead."""

    what: str
    names: frozenset[str]
    nearest: str

    def in_words(self) -> str:
        return f"{self.what}: not in this source. The nearest: {self.nearest}."


def _absent(what: str, names: str, nearest: str) -> Absent:
    return Absent(what, frozenset(names.split()), nearest)


ABSENT: Final = (
    _absent(
        "Which creators sell it",
        "creator creator_id creator_name creator_handle creator_ids influencer influencer_id influencer_name affiliate "
        "affiliate_name username handle followers follower_count",
        "creators and creators_active_30d count them",
    ),
    _absent(
        "Which videos or lives sell it",
        "video video_id video_url video_link video_ids video_title live_id live_url hashtag hashtags likes",
        "videos_30d, lives_30d and views_30d count them, video_share and live_share say what they bring",
    ),
    _absent(
        "What reviews say",
        "review review_text review_texts reviews_text comment comments feedback sentiment",
        "rating and reviews (their number)",
    ),
    _absent(
        "Advertising spend",
        "ad ads ad_spend ads_spend advertising advertising_spend roas cpc cpm gmv_max",
        "video_share, live_share and other_share say through which channel it sells, paid or not",
    ),
    _absent(
        "Stock",
        "stock stocks inventory quantity available in_stock stock_level",
        "units_7d is how fast it sells, delisted whether it is off sale",
    ),
    _absent(
        "Names of sellers, shops and brands",
        "seller_name shop_name store_name brand brand_name merchant merchant_name",
        "seller_id tells sellers apart",
    ),
    _absent(
        "The KeyAPI account's balance",
        "balance account_balance credit_balance remaining_credits quota",
        "get_usage has the credits spent and left within your own limits",
    ),
)
_BY_NAME: Final = {name: one for one in ABSENT for name in one.names}


def absent(name: str) -> Absent | None:
    """What is absent under this name of a column or parameter, written in lower case."""
    return _BY_NAME.get(name)
