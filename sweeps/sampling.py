"""Points and values chosen at random, the same for the same seed. Pure.

Every draw has a generator of its own, seeded by what it is for: so more runs keep the former ones, and another drawn
setting changes none of the others. Only `Random.random()` is used, which Python keeps the same from version to version.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from db.strict import describe
from sweeps.layers import Leaf, Path
from sweeps.yaml_file import Place

_DIGITS = 6
"""Of a drawn number: as fine as any search needs, and short enough to be read."""


@dataclass(frozen=True, kw_only=True)
class Draw:
    """How the values of one setting are drawn: `low` and `high` under `values`, or all there are to choose from."""

    path: Path
    name: str
    place: Place
    law: str
    values: tuple[Any, ...]

    def leaf(self, seed: int, index: int) -> Leaf:
        """The value for the sample of this index."""
        chance = random.Random(f"{seed}:{index}:{self.name}").random()  # noqa: S311 - an experiment, not a secret
        return Leaf(value=_LAWS[self.law](chance, self.values), place=self.place, name=self.name)

    def extremes(self) -> tuple[Any, ...]:
        """Values that must all be allowed: everything to choose from, or the smallest and the largest."""
        if self.law == "choice":
            return self.values
        return tuple(map(int if self.law == "integer" else float, self.values))


@dataclass(frozen=True, kw_only=True)
class Sample:
    """So many of the points; with `draws` each sample has values of its own, and the points are taken round and round.

    `draws` may be empty although values were to be drawn, where the command line sets them all: `repeats` stays.
    """

    place: Place
    runs: int
    seed: int
    draws: tuple[Draw, ...]
    repeats: bool

    def without(self, paths: Collection[Path]) -> Sample:
        return replace(self, draws=tuple(draw for draw in self.draws if draw.path not in paths))

    def order(self, count: int) -> Sequence[int]:
        """All points, shuffled; adding points moves none of the others past each other."""
        keys = [random.Random(f"{self.seed}:{index}").random() for index in range(count)]  # noqa: S311 - as above
        return sorted(range(count), key=keys.__getitem__)


def law_problem(law: str, values: Sequence[Any]) -> str | None:
    """Why nothing can be drawn like this, or None."""
    if law == "choice":
        return None if values else "choice needs at least one value"
    if len(values) != 2:
        return f"{law} needs two numbers, [LOW, HIGH], found {describe(list(values))}"
    kinds = (int,) if law == "integer" else (int, float)
    wrong = [value for value in values if type(value) not in kinds or not math.isfinite(value)]
    if wrong:
        return f"{law} needs {'integers' if law == 'integer' else 'finite numbers'}, found {describe(wrong[0])}"
    low, high = values
    if low >= high:
        return f"{law} needs the smaller number first: {low} is not below {high}"
    return f"{law} needs numbers above 0, found {low}" if law == "log_uniform" and low <= 0 else None


def _uniform(chance: float, values: Sequence[float]) -> float:
    low, high = values
    return _rounded(low + chance * (high - low), high - low, values)


def _log_uniform(chance: float, values: Sequence[float]) -> float:
    low, high = values
    value = low * math.exp(chance * (math.log(high) - math.log(low)))
    return _rounded(value, min(value, high - low), values)


def _rounded(value: float, scale: float, bounds: Sequence[float]) -> float:
    """To digits that matter at this scale, never beyond the bounds."""
    low, high = bounds
    return float(min(max(round(value, _DIGITS - 1 - math.floor(math.log10(scale))), low), high))


def _integer(chance: float, values: Sequence[int]) -> int:
    low, high = values
    return min(low + int(chance * (high - low + 1)), high)


def _choice(chance: float, values: Sequence[Any]) -> Any:
    return values[int(chance * len(values))]


_LAWS: Mapping[str, Callable[[float, Sequence[Any]], Any]] = {
    "log_uniform": _log_uniform,
    "uniform": _uniform,
    "integer": _integer,
    "choice": _choice,
}
LAWS = tuple(_LAWS)
