"""What a sweep file asks for, as plain records, before any run is made of it."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from typing import Any, Protocol

from sweeps.layers import Faults, Layer, Leaf, Path
from sweeps.sampling import Sample
from sweeps.yaml_file import Place


@dataclass(frozen=True, kw_only=True)
class Point:
    """One grid point or explicit run, and where it was given. `drawn`: some of its values were drawn at random."""

    place: Place
    leaves: Layer
    drawn: bool = False


class Ground(Protocol):
    """What lies below and above every point of a sweep: its other layers."""

    def value(self, leaves: Layer, path: Path) -> Leaf | None:
        """The setting that holds at a point, whichever layer gives it; None where none does."""

    def concerns(self, leaves: Layer, path: Path) -> bool:
        """Whether the setting does anything at a point."""

    def effect(self, leaves: Layer) -> Layer:
        """What a point sets: nothing that the command line sets otherwise."""


@dataclass(frozen=True, kw_only=True)
class Axis:
    """What the points are varied along: each choice sets the same settings, one of the grid, several of a `zip`."""

    place: Place
    choices: tuple[Layer, ...]

    @property
    def paths(self) -> tuple[Path, ...]:
        return tuple(dict.fromkeys(path for choice in self.choices for path in choice))

    def without(self, paths: Collection[Path]) -> Axis:
        choices = [{path: leaf for path, leaf in choice.items() if path not in paths} for choice in self.choices]
        return replace(self, choices=tuple(choice for choice in choices if choice))


@dataclass(frozen=True, kw_only=True)
class Condition:
    """Holds at a point where each of these settings has one of its values."""

    place: Place
    wanted: Mapping[Path, tuple[Leaf, ...]]

    def holds(self, leaves: Layer, ground: Ground) -> bool:
        return all(_is_one_of(ground.value(leaves, path), values) for path, values in self.wanted.items())


def _is_one_of(leaf: Leaf | None, wanted: Collection[Leaf]) -> bool:
    return leaf is not None and any(_same(leaf.value, one.value) for one in wanted)


def _same(one: Any, other: Any) -> bool:
    """Equal; true is not 1, and a list of one counts as that one."""
    alone, other_alone = (value[0] if isinstance(value, list) and len(value) == 1 else value for value in (one, other))
    return isinstance(alone, bool) == isinstance(other_alone, bool) and bool(alone == other_alone)


@dataclass(frozen=True, kw_only=True)
class When:
    """More axes for the points where a condition holds."""

    condition: Condition
    axes: tuple[Axis, ...]


@dataclass(frozen=True, kw_only=True)
class Asked:
    """Which runs are asked for.

    Points are made of `axes` (the grid's, then the zipped ones), then `when`, then without those of `exclude`, then
    `sample`. `seeds` repeat every point and every explicit run that names no seed itself. `has_points`: there are any,
    one where no axis varies them.

    A condition that holds nowhere is a slip of the pen, unless the command line has `changed` what there is, or it asks
    for a setting that depends on the profile (`profiled`). What would have been set, had it not been `refused`, is not
    told a second time where it is missing.
    """

    axes: tuple[Axis, ...] = ()
    when: tuple[When, ...] = ()
    exclude: tuple[Condition, ...] = ()
    sample: Sample | None = None
    runs: tuple[Point, ...] = ()
    seeds: tuple[Leaf, ...] = ()
    has_points: bool
    place: Place
    changed: bool = False
    profiled: frozenset[Path] = frozenset()
    refused: frozenset[Path] = frozenset()

    def may_miss(self, condition: Condition) -> bool:
        told = not all(condition.wanted.values())
        return told or self.changed or not (self.profiled | self.refused).isdisjoint(condition.wanted)


@dataclass(frozen=True, kw_only=True)
class Draft:
    """All that decides the runs of a sweep: what is asked for, and the layers below and above every point."""

    file: Layer
    profile: Layer
    command_line: Layer
    asked: Asked
    place: Place


def refuse_twins(first: Point, second: Point, faults: Faults, why: str = "") -> None:
    """Tell that two runs are equal, and where they were asked for, as exactly as is known."""
    one, other = _places_of_twins(first, second)
    faults.add(other, f"the same run as at {one}{why}; leave one of them out")


def _places_of_twins(first: Point, second: Point) -> tuple[Place, Place]:
    if first.place != second.place:
        return first.place, second.place
    pairs = [(first.leaves[path].place, leaf.place) for path, leaf in second.leaves.items() if path in first.leaves]
    return next(((one, other) for one, other in pairs if one != other), (first.place, second.place))
