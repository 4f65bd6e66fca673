"""What a sweep file asks for into its points. Pure.

In this order: axes, `when`, `exclude`, `sample`, `seeds`; then the explicit runs, which only seeds are added to.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import chain, islice

from sweeps.asked import Asked, Axis, Ground, Point, When
from sweeps.layers import Faults, Layer, Leaf
from sweeps.sampling import Sample

MAX_RUNS = 100_000


def spread(asked: Asked, ground: Ground, faults: Faults) -> Sequence[Point]:
    """Every point, the grid's before the explicit runs. What is wrong goes into `faults`."""
    at_most = count_of_axes(asked, ground)
    if at_most > MAX_RUNS:
        return _too_many(asked, faults, f"{at_most * max(1, len(asked.seeds)):,}")
    if asked.sample and asked.sample.runs > MAX_RUNS:
        return _too_many(asked, faults, f"{asked.sample.runs:,}")
    grid = list(islice(_all_points(asked, ground, faults), MAX_RUNS + 1))
    if len(grid) > MAX_RUNS:
        return _too_many(asked, faults, "too many")
    _require_matches(asked, grid, ground, faults)
    kept = [leaves for leaves in grid if not any(one.holds(leaves, ground) for one in asked.exclude)]
    if grid and not kept and not asked.runs:
        faults.add(asked.exclude[0].place, "exclude: leaves out every run")
    points = _sampled(asked.sample, kept, faults) if asked.sample else kept
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


def _all_points(asked: Asked, ground: Ground, faults: Faults) -> Iterator[Layer]:
    for leaves in _varied({}, asked.axes, ground) if asked.has_points else ():
        yield from _conditional(leaves, asked.when, ground, faults)


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


def _conditional(leaves: Layer, whens: Sequence[When], ground: Ground, faults: Faults) -> Iterator[Layer]:
    if not whens:
        yield leaves
        return
    holds = whens[0].condition.holds(leaves, ground)
    if holds:
        _refuse_repeats(leaves, whens[0].axes, faults)
    for more in _varied(leaves, whens[0].axes, ground) if holds else (leaves,):
        yield from _conditional(more, whens[1:], ground, faults)


def _refuse_repeats(leaves: Layer, axes: Sequence[Axis], faults: Faults) -> None:
    for axis in axes:
        for path in axis.paths:
            if path in leaves:
                mine = next(choice[path] for choice in axis.choices if path in choice)
                faults.add(axis.place, f"`{mine.name}` is given already where this holds, at {leaves[path].place}")


def _require_matches(asked: Asked, grid: Sequence[Layer], ground: Ground, faults: Faults) -> None:
    for word, conditions in (("when", [one.condition for one in asked.when]), ("exclude", asked.exclude)):
        for condition in conditions if grid else ():
            if not asked.may_miss(condition) and not any(condition.holds(leaves, ground) for leaves in grid):
                faults.add(condition.place, f"{word}: no point of the grid has these values")


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
