"""How a product sells: cumulative units, money and content as functions of its age in days.

Everything is a whole number accumulated since the launch. A window is the difference of two ages, so windows nest,
neighbouring days add up, and a later day only ever adds.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final, NamedTuple

# Videos and their creators come some days before the sales that they bring.
LEAD: Final = 4
_WEEK: Final = 2 * math.pi / 7
# By video, by live, by the shop itself.
Channels = tuple[int, int, int]


def _noise(key: int) -> float:
    """A number in 0…1 that looks drawn but depends on the key alone."""
    key = (key ^ (key >> 15)) * 0x2C1B3C6D & 0xFFFFFFFF
    key = (key ^ (key >> 12)) * 0x297A2D39 & 0xFFFFFFFF
    return (key ^ (key >> 15)) / 0xFFFFFFFF


@dataclass(frozen=True, slots=True)
class Wave:
    """units sold in all, most of them about day `peak`, within some times `width` days."""

    units: float
    peak: float
    width: float

    def until(self, clock: float) -> float:
        """Units up to this moment, from a hair above 0 at the launch."""
        distance = (self.peak - clock) / self.width
        if distance > 30:
            return 0.0
        return self.units if distance < -30 else self.units / (1 + math.exp(distance))


class Totals(NamedTuple):
    """Since the launch. The channels add up to the whole: it is their sum. Money in US cents."""

    units: int
    video_units: int
    live_units: int
    cents: int
    video_cents: int
    live_cents: int
    videos: int
    lives: int
    views: int
    video_creators: int
    live_creators: int
    creators: int


_NOTHING: Final = Totals(*[0] * len(Totals._fields))


@dataclass(frozen=True)
class Curve:
    """rate: units a day of the part that fades slowly (over `fade` days); waves: the part that comes and goes.

    steady_shares, wave_shares: of video and live in either part; the rest sells in the shop itself.
    prices: USD of the price periods, used in turn; each lasts `price_days`. paid: what a unit brings, relative to the
    listed price (variants, vouchers). ends: age at which it was delisted.
    """

    salt: int
    rate: float
    fade: float
    waves: tuple[Wave, ...]
    steady_shares: tuple[float, float]
    wave_shares: tuple[float, float]
    prices: Sequence[float]
    price_days: int
    paid: float
    units_per_video: float
    units_per_live: float
    views_per_video: float
    units_per_creator: float
    ends: int
    # Units and cents at the beginning of each price period, as far as they were needed.
    _periods: list[tuple[Channels, Channels]] = field(default_factory=list, compare=False, repr=False)

    def price(self, age: int) -> float:
        """The listed average price in USD."""
        return self.prices[min(age, self.ends) // self.price_days % len(self.prices)]

    def totals(self, age: int) -> Totals:
        if age <= 0:
            return _NOTHING
        units = self._units(age)
        cents = self._cents(age, units)
        video, live, _ = self._sold(min(age, self.ends) + LEAD)
        video_creators = int((video / self.units_per_creator) ** 0.9)
        live_creators = int((live / self.units_per_creator / 3) ** 0.9)
        # A few of them do both.
        both = min(video_creators, live_creators) // 4
        return Totals(
            sum(units),
            units[0],
            units[1],
            sum(cents),
            cents[0],
            cents[1],
            int(video / self.units_per_video),
            int(live / self.units_per_live),
            int(video / self.units_per_video * self.views_per_video),
            video_creators,
            live_creators,
            video_creators + live_creators - both,
        )

    def _sold(self, age: int) -> tuple[float, float, float]:
        """Units by video, by live and by the shop, not yet whole."""
        # The week's rhythm and the noise move the clock by less than a day, not the count: it never runs backwards.
        clock = max(0.0, age + 0.4 * _noise(self.salt + age) + 0.5 * math.sin(_WEEK * age + self.salt))
        steady = self.rate * self.fade * (1 - math.exp(-clock / self.fade))
        risen = sum(wave.until(clock) for wave in self.waves)
        video = steady * self.steady_shares[0] + risen * self.wave_shares[0]
        live = steady * self.steady_shares[1] + risen * self.wave_shares[1]
        return video, live, max(0.0, steady + risen - video - live)

    def _units(self, age: int) -> Channels:
        video, live, shop = self._sold(min(age, self.ends))
        return int(video), int(live), int(shop)

    def _cents(self, age: int, units: Channels) -> Channels:
        """Each period's units at its price: what was sold before a change of price keeps the old one."""
        period = age // self.price_days
        while len(self._periods) <= period:
            number = len(self._periods)
            begin = self._units(number * self.price_days) if number else (0, 0, 0)
            self._periods.append((begin, self._earned(number - 1, begin) if number else (0, 0, 0)))
        return self._earned(period, units)

    def _earned(self, period: int, units: Channels) -> Channels:
        """Cents since the launch, when so much has been sold and this is the price period."""
        sold, earned = self._periods[period]
        cents = max(1, round(self.prices[period % len(self.prices)] * 100 * self.paid))
        return (
            earned[0] + (units[0] - sold[0]) * cents,
            earned[1] + (units[1] - sold[1]) * cents,
            earned[2] + (units[2] - sold[2]) * cents,
        )
