"""Taking turns. Every side is measured in each round, in an order that rotates, so that whatever else the machine does
hits all of them; a ratio is taken within a round and only then its median over the rounds.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from statistics import median


@dataclass(slots=True)
class Rounds:
    """Measured values of several sides, one of each side a round."""

    values: dict[str, list[float]] = field(default_factory=dict)

    def take(self, sides: Mapping[str, Callable[[], float]], count: int) -> Rounds:
        """Measure every side `count` times."""
        for names in orders(list(sides), count):
            for name in names:
                self.values.setdefault(name, []).append(sides[name]())
        return self

    def median(self, name: str) -> float:
        return median(self.values[name])

    def ratio(self, name: str, other: str) -> float:
        """Median over the rounds of one side's value by another's."""
        return median(mine / theirs for mine, theirs in zip(self.values[name], self.values[other], strict=True))

    def ratio_of_added(self, name: str, other: str, base: str) -> float:
        """As `ratio`, of what each adds to a base."""
        return median(
            (mine - least) / (theirs - least)
            for mine, theirs, least in zip(self.values[name], self.values[other], self.values[base], strict=True)
        )


def orders(names: list[str], count: int) -> Iterator[list[str]]:
    """The names in an order that rotates, so that none always comes after the same one's heat."""
    for number in range(count):
        start = number % len(names)
        turned = names[start:] + names[:start]
        yield turned if number // len(names) % 2 == 0 else turned[::-1]
