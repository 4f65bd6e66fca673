"""What a sweep file asks for into its points. Pure.

In this order: axes, `when`, `exclude`, `sample`, `seeds`; then the explicit runs, which only seeds are added to.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import chain, islice

from sweeps.asked import Asked, Axis, Ground, Point, When, refuse_twins
from sweeps.layers import Faults, Layer, Leaf, Path
from sweeps.sampling import Sample
from sweeps.yaml_file import Place

MAX_RUNS = 100_000


def spread(asked: Asked, ground: Ground, faults: Faults) -> Sequence[Point]:
    """Every point, the grid's before the explicit runs. What is wrong goes into `faults`."""
    at_most = count_of_axes(asked, ground)
    if at_most > MAX_RUNS:
        return _too_many(asked, faults, f"{at_most * max(1, len(asked.seeds)):,}")
    if asked.sample and asked.sample.runs > MAX_RUNS:
        return _too_many(asked, faults, f"{asked.sample.runs:,}")
    met: set[Place] = set()
    grid = list(islice(_all_points(asked, ground, met, faults), MAX_RUNS + 1))
    if len(grid) > MAX_RUNS:
        return _too_many(asked, faults, "too many")
    met |= {one.place for one in asked.exclude if any(one.holds(leaves, ground) for leaves in grid)}
    if grid:
        _require_matches(asked, met, faults)
    kept = [leaves for leaves in grid if not any(one.holds(leaves, ground) for one in asked.exclude)]
    if grid and not kept and not asked.runs:
        faults.add(asked.exclude[0].place, "exclude: leaves out every run")
    points = _sampled(asked.sample, _distinct(kept, asked, ground, faults), faults) if asked.sample else kept
    drawn = bool(asked.sample and asked.sample.repeats)
    made = [*(Point(place=asked.place, leaves=leaves, drawn=drawn) for leaves in points), *asked.runs]
    count = sum(1 if ("seed",) in point.leaves else max(1, len(asked.seeds)) for point in made)
    if count > MAX_RUNS:
        return _too_many(asked, faults, f"{count:,}")
    return list(chain.from_iterable(_repeated(point, asked.seeds) for point in made))


def count_of_axes(asked: Asked, ground: Ground) -> int:
    """How many points the axes make, without making them. What an axis does may depend on the first one only."""
    if not asked.has_points:
        return 0
    first, rest = asked.axes[:1], asked.axes[1:]
    starts = _varied({}, first, ground)
    return sum(math.prod(len(_choices(axis, leaves, ground)) for axis in rest) for leaves in starts)


def _too_many(asked: Asked, faults: Faults, count: str) -> Sequence[Point]:
    faults.add(asked.place, f"the sweep has {count} runs, more than {MAX_RUNS:,}; split it")
    return ()


def _all_points(asked: Asked, ground: Ground, met: set[Place], faults: Faults) -> Iterator[Layer]:
    """Adds to `met` the places of those conditions that held when they were asked."""
    for leaves in _varied({}, asked.axes, ground) if asked.has_points else ():
        yield from _conditional(leaves, asked.when, ground, met, faults)


def _varied(leaves: Layer, axes: Sequence[Axis], ground: Ground) -> Iterator[Layer]:
    if not axes:
        yield leaves
        return
    for choice in _choices(axes[0], leaves, ground):
        yield from _varied({**leaves, **choice}, axes[1:], ground)


def _choices(axis: Axis, leaves: Layer, ground: Ground) -> Sequence[Layer]:
    """What of an axis does something at a point; where nothing does, the point stays as it is, once."""
    found = [
        {path: leaf for path, leaf in choice.items() if ground.concerns({**leaves, **choice}, path)}
        for choice in axis.choices
    ]
    return found if any(found) or not found else [{}]


def _conditional(
    leaves: Layer, whens: Sequence[When], ground: Ground, met: set[Place], faults: Faults
) -> Iterator[Layer]:
    if not whens:
        yield leaves
        return
    holds = whens[0].condition.holds(leaves, ground)
    if holds:
        met.add(whens[0].condition.place)
        _refuse_repeats(leaves, whens[0].axes, faults)
    for more in _varied(leaves, whens[0].axes, ground) if holds else (leaves,):
        yield from _conditional(more, whens[1:], ground, met, faults)


def _refuse_repeats(leaves: Layer, axes: Sequence[Axis], faults: Faults) -> None:
    for axis in axes:
        for path in axis.paths:
            if path in leaves:
                mine = next(choice[path] for choice in axis.choices if path in choice)
                faults.add(axis.place, f"`{mine.name}` is given already where this holds, at {leaves[path].place}")


def _require_matches(asked: Asked, met: Collection[Place], faults: Faults) -> None:
    for word, conditions in (("when", [one.condition for one in asked.when]), ("exclude", asked.exclude)):
        for condition in conditions:
            if condition.place not in met and not asked.may_miss(condition):
                faults.add(condition.place, f"{word}: no point of the grid has these values")


def _distinct(points: Sequence[Layer], asked: Asked, ground: Ground, faults: Faults) -> Sequence[Layer]:
    """Equal points once, so that a sample has as many runs as it says; only the command line may make them equal."""
    first: dict[frozenset[tuple[Path, str]], Layer] = {}
    for leaves in points:
        key = frozenset((path, repr(leaf.value)) for path, leaf in ground.effect(leaves).items())
        known = first.setdefault(key, leaves)
        if known is not leaves and not asked.changed:
            one, other = (Point(place=asked.place, leaves=each) for each in (known, leaves))
            refuse_twins(one, other, faults)
    return list(first.values())


def _sampled(sample: Sample, points: Sequence[Layer], faults: Faults) -> Sequence[Layer]:
    if sample.runs > len(points) and not sample.repeats:
        found = f"there are only {len(points):,} points to choose from; ask for no more, or `draw` values"
        faults.add(sample.place, f"sample.runs: {found}")
    order = sample.order(len(points))
    count = sample.runs if sample.repeats else min(sample.runs, len(points))
    return [{**points[order[index % len(order)]], **_draws(sample, index)} for index in range(count if points else 0)]


def _draws(sample: Sample, index: int) -> Mapping[tuple[str, ...], Leaf]:
    return {draw.path: draw.leaf(sample.seed, index) for draw in sample.draws}


def _repeated(point: Point, seeds: Sequence[Leaf]) -> Iterator[Point]:
    if ("seed",) in point.leaves or not seeds:
        yield point
        return
    for seed in seeds:
        yield replace(point, leaves={**point.leaves, ("seed",): seed})
