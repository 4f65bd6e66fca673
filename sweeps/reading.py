"""What every part of a sweep file that speaks of single runs is read with."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from sweeps.asked import Axis
from sweeps.layers import At, Faults, Layer, Leaf, Path, axes, dotted, flatten
from sweeps.yaml_file import Located, Place


@dataclass(frozen=True, kw_only=True)
class RunKeys:
    """What may be set for one run.

    `problem` says why there is no such setting; `checked` tells the values that cannot be and keeps the others. `shape`
    is the setting that decides which others there are, if any does: it must be known before any condition is asked.
    """

    problem: Callable[[Path], str | None]
    checked: Callable[[Layer], dict[Path, Leaf]]
    shape: Path | None


@dataclass(frozen=True, kw_only=True)
class Reading:
    """A file, the settings it may speak of, and everything that is wrong with it; `refused` settings were given."""

    located: Located
    keys: RunKeys
    faults: Faults
    refused: set[Path] = field(default_factory=set)

    def axes(self, at: At, first: dict[Path, Place]) -> Iterator[Axis]:
        """An axis for each key at `at`; told and left out are those in `first`, which all others are added to."""
        for path, (place, leaves) in axes(self.located, at, self.faults).items() if self.filled(at) else ():
            if not leaves:
                self.refuse([path], place, f"{dotted(path)}: an axis needs at least one value")
            elif self.is_new(path, place, first):
                yield Axis(place=place, choices=tuple({path: leaf} for leaf in leaves))

    def settings(self, at: At, first: dict[Path, Place]) -> Iterator[Axis]:
        """As `axes`, each key with the one value that it has."""
        for path, leaf in flatten(self.located, at, (), self.faults, dots=True).items() if self.filled(at) else ():
            if self.is_new(path, leaf.place, first):
                yield Axis(place=leaf.place, choices=({path: leaf},))

    def is_new(self, path: Path, place: Place, first: dict[Path, Place]) -> bool:
        """Whether this is a setting, given here for the first time; else it is told why not."""
        problem = self.keys.problem(path)
        if path in first:
            problem = f"`{dotted(path)}` is given twice, first at {first[path]}"
        if problem:
            self.refuse([path], place, problem)
            return False
        first[path] = place
        return True

    def refuse(self, paths: Iterable[Path], place: Place, message: str) -> None:
        self.refused.update(paths)
        self.faults.add(place, message)

    def filled(self, at: At) -> bool:
        """Whether keys and values stand there."""
        data = self.located.data
        for key in at:
            holds = key in data if isinstance(data, Mapping) else isinstance(data, list) and isinstance(key, int)
            if not holds:
                return False
            data = data[key]
        return isinstance(data, Mapping) and bool(data)

    def fault(self, at: At, message: str) -> None:
        self.faults.add(self.located.place(at), message)
