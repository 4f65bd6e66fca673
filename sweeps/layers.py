"""Settings as leaves: a path, a value, and the place each came from; layers of them, the later ones winning.

A path is a tuple of keys: `("train", "lr")`, `("backbones", "timesnet", "d_model")`. All functions here are pure.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path as FilePath
from typing import Any

from db.errors import Refused
from db.legible import legible
from db.strict import Invalid
from sweeps.yaml_file import Located, Place

Path = tuple[str, ...]
At = tuple[str | int, ...]
MOST_TOLD = 200
"""Faults at once. What makes more of them, a list of thousands of values that cannot be, is one slip of the pen."""


@dataclass(frozen=True, kw_only=True)
class Leaf:
    """A value, where it was given, and its dotted name as it was given there."""

    value: Any
    place: Place
    name: str


Layer = Mapping[Path, Leaf]


class Faults:
    """Collects everything that is wrong, so that it is all told at once."""

    def __init__(self) -> None:
        self._found: dict[tuple[Place, str], None] = {}

    def add(self, place: Place, message: str) -> None:
        self._found[place, message] = None

    def add_invalid(self, invalid: Invalid, place_of: Callable[[At], tuple[Place, str]]) -> None:
        """Add each fault of a record; `place_of` gives a fault's path its place and its dotted name."""
        for fault in invalid.faults:
            place, name = place_of(fault.path)
            self.add(place, f"{name}: {fault.message}" if name.strip() else fault.message)

    def __bool__(self) -> bool:
        return bool(self._found)

    def stop(self) -> None:
        """Raise `Refused` with one line for each fault, in order of place and the file's first, if there is any."""
        if self._found:
            found = sorted(self._found, key=lambda one: (one[0].line == 0, one))
            lines = [f"{place}: {legible(message)}" for place, message in found[:MOST_TOLD]]
            rest = found[MOST_TOLD:]
            more = [f"{rest[0][0]}: and {len(rest)} more things are wrong from here on"] if rest else []
            raise Refused("\n".join([*lines, *more]))


def dotted(path: At) -> str:
    return ".".join(map(str, path))


def flatten(located: Located, at: At, prefix: Path, faults: Faults, *, dots: bool = False) -> dict[Path, Leaf]:
    """The leaves of the data at `at`, their paths beginning with `prefix`.

    With `dots`, `train.lr` as a key means `lr` under `train`. A section that holds nothing gives no leaf.
    """
    found: dict[Path, Leaf] = {}
    for path, inner in _walk(located.data, at, prefix, dots=dots):
        leaf = Leaf(value=value_at(located.data, inner), place=located.place(inner), name=dotted(path))
        if path in found:
            faults.add(leaf.place, f"`{leaf.name}` is given twice, first at {found[path].place}")
        elif not (leaf.value in (None, {}) and _is_section(path)):
            found[path] = leaf
    return found


def axes(located: Located, at: At, faults: Faults) -> dict[Path, tuple[Place, tuple[Leaf, ...]]]:
    """The lists at `at`, by the setting they vary: the place of the key, and a leaf for each item."""
    found: dict[Path, tuple[Place, tuple[Leaf, ...]]] = {}
    for path, inner in _walk(located.data, at, (), dots=True):
        place, value = located.place(inner), value_at(located.data, inner)
        if path in found:
            faults.add(place, f"`{dotted(path)}` is given twice, first at {found[path][0]}")
        items = [(*inner, index) for index in range(len(value))] if isinstance(value, list) else [inner]
        leaves = (Leaf(value=value_at(located.data, one), place=located.place(one), name=dotted(path)) for one in items)
        found[path] = place, tuple(leaves)
    return found


def _walk(top: Any, at: At, path: Path, *, dots: bool) -> Iterator[tuple[Path, At]]:
    data = value_at(top, at)
    if not (isinstance(data, Mapping) and data):
        yield path, at
        return
    for key in data:
        yield from _walk(top, (*at, key), (*path, *(key.split(".") if dots else (key,))), dots=dots)


def value_at(data: Any, path: At) -> Any:
    for key in path:
        data = data[key]
    return data


_SECTIONS = (
    *("", "data", "data.simulation", "train", "tasks", "backbones"),
    *("resources", "policy", "policy.retries", "memory", "slurm", "slurm.extra"),
)


def _is_section(path: Path) -> bool:
    return dotted(path) in _SECTIONS or (path[0], *path[2:]) == ("backbones", "train")


def nested(layer: Layer, root: Path) -> dict[str, Any]:
    """The leaves below `root` as nested data; a later leaf replaces what earlier ones put at its path or below it."""
    data: dict[str, Any] = {}
    for path, leaf in layer.items():
        if path[: len(root)] == root and len(path) > len(root):
            _put(data, path[len(root) :], leaf.value)
    return data


def _put(data: dict[str, Any], path: Path, value: Any) -> None:
    for key in path[:-1]:
        inner = data.get(key)
        if not isinstance(inner, dict):
            inner = data[key] = {}
        data = inner
    data[path[-1]] = value


def overlay(*layers: Layer) -> dict[Path, Leaf]:
    """All leaves, those of later layers in place of the earlier ones at, above or below their paths, and after them."""
    result: dict[Path, Leaf] = {}
    for layer in layers:
        for path, leaf in layer.items():
            result.pop(path, None)
            result[path] = leaf
    return result


def general(layer: Layer) -> dict[Path, Leaf]:
    """The leaves that hold for every backbone."""
    return {path: leaf for path, leaf in layer.items() if path[0] != "backbones"}


def special(layer: Layer, backbone: str) -> dict[Path, Leaf]:
    """The leaves for one backbone only: its settings, and its own training settings as if they stood under `train`."""
    mine = {path: leaf for path, leaf in layer.items() if path[:2] == ("backbones", backbone)}
    return {path[2:] if path[2] == "train" else path: leaf for path, leaf in mine.items()}


_WHOLE_PART = 2
"""Keys of a path to all settings of a backbone or task: what is wrong with it as a whole is no setting's own fault."""


def find(layers: Sequence[Layer], path: At) -> tuple[Leaf, At] | None:
    """The leaf at `path`, or else the first below it, or at its nearest ancestor that is one, and the rest of the path.

    First layer first.
    """
    for length in range(len(path), 0, -1):
        start = tuple(map(str, path[:length]))
        for layer in layers:
            if start in layer:
                return layer[start], path[length:]
        below = next((leaf for layer in layers for at, leaf in layer.items() if at[:length] == start), None)
        if below is not None and len(path) == length > _WHOLE_PART:
            return below, ()
    return None


def anchored(layer: Layer, folder: FilePath) -> dict[Path, Leaf]:
    """With `data.folder` made absolute: relative to `folder`, `~` being the home folder."""
    return {path: _anchored_leaf(leaf, folder) if path == ("data", "folder") else leaf for path, leaf in layer.items()}


def _anchored_leaf(leaf: Leaf, folder: FilePath) -> Leaf:
    if isinstance(leaf.value, list):
        return replace(leaf, value=[absolute(one, folder) if isinstance(one, str) else one for one in leaf.value])
    return replace(leaf, value=absolute(leaf.value, folder)) if isinstance(leaf.value, str) else leaf


def absolute(text: str, folder: FilePath) -> str:
    home = os.path.expanduser(text)  # noqa: PTH111 - that of Path raises where it is nobody's home
    return os.path.abspath(folder / home)  # noqa: PTH100 - resolve() would follow links
