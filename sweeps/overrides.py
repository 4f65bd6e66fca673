"""Settings from the command line, `key=value`, and what they do to a sweep's grid and explicit runs."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from db.errors import Refused
from sweeps.asked import Asked, Axis
from sweeps.layers import Faults, Layer, Leaf, Path
from sweeps.yaml_file import Place, parse_yaml

COMMAND_LINE = Place("command line")
_COMMENT = re.compile(r"\s#")
"""What begins a comment, where it does not stand in quotes."""


def read_overrides(texts: Sequence[str], faults: Faults) -> dict[Path, Leaf]:
    """The settings by path. `seeds=3` becomes `seed=[0,1,2]`."""
    found: dict[Path, Leaf] = {}
    for text in texts:
        key, equals, value = text.partition("=")
        try:
            if not equals:
                raise ValueError(f"`{text}` is not of the form key=value")  # noqa: TRY301 - told like the others
            path, leaf = _read_one(key, value)
        except ValueError as error:
            faults.add(COMMAND_LINE, str(error))
            continue
        if path in found:
            faults.add(COMMAND_LINE, f"`{key}` is given twice")
        found[path] = leaf
    return found


def _read_one(key: str, text: str) -> tuple[Path, Leaf]:
    """The path and leaf of one setting, or a ValueError that says why there is none."""
    _check_key(key)
    value = _read_value(key, text)
    if key == "seeds":
        value = seed_values(value)
        if value is None:
            raise ValueError(SEEDS_PROBLEM)
    name = "seed" if key == "seeds" else key
    if value == [] and name in ("backbone", "seed"):
        raise ValueError(f"{name}: the list is empty")
    return tuple(name.split(".")), Leaf(value=value, place=COMMAND_LINE, name=name)


def _check_key(key: str) -> None:
    if not all(map(str.strip, key.split("."))):
        raise ValueError(f"`{key}` is not the name of a setting")
    if key == "profile":
        raise ValueError("profile: choose one with --profile NAME")
    if key.startswith("grid."):
        raise ValueError(f"{key}: leave `grid.` away; a list for `{key[5:]}` replaces what the grid has")


def _read_value(key: str, text: str) -> Any:
    if not text.strip():
        return None
    in_quotes = f"where text is meant, write {shlex.quote(f'{key}={json.dumps(text, ensure_ascii=False)}')}"
    try:
        value = parse_yaml(text, str(COMMAND_LINE)).data
    except Refused as refused:
        raise ValueError(f"{key}={text}: {str(refused).partition(': ')[2]}; {in_quotes}") from None
    if isinstance(value, Mapping):
        raise ValueError(f"{key}: give keys one by one, as in {key}.KEY=VALUE; {in_quotes}")  # noqa: TRY004 - a person's slip
    if any(_reads_as(text[: match.start()], value) for match in _COMMENT.finditer(text)):
        raise ValueError(f"{key}={text}: `#` begins a comment, so the rest would be lost; {in_quotes}")
    return value


def _reads_as(text: str, value: Any) -> bool:
    try:
        return bool(parse_yaml(text, str(COMMAND_LINE)).data == value)
    except Refused:
        return False


SEEDS_PROBLEM = "seeds: expected how many (3 for 0, 1, 2) or a list of integers"


def seed_values(value: Any) -> list[int] | None:
    """The seeds that `seeds:` means; None where it means none."""
    if type(value) is int and 0 < value <= 100_000:
        return list(range(value))
    fits = isinstance(value, (list, tuple)) and value and all(type(seed) is int for seed in value)
    return list(value) if fits else None


@dataclass(frozen=True, kw_only=True)
class OverrideKeys:
    """What settings of the command line mean: which one shapes a run, which belong to one, and which a list may vary
    although no axis does; and the values that the file gives to a setting outside of its runs.
    """

    shape: Path | None
    of_runs: Callable[[Path], bool]
    varies: Callable[[Path], bool]
    held: Callable[[Path], Iterable[Any]] = lambda _: ()


def apply_overrides(asked: Asked, overrides: Layer, keys: OverrideKeys, faults: Faults) -> tuple[Asked, Layer]:
    """What the command line makes of a file's runs, and what is left of it to be set everywhere.

    A list replaces the axis it names. One value removes the axis, wherever it is, and is set everywhere. A backbone
    also leaves out the explicit runs of others.
    """
    varying = {path: leaf for path, leaf in overrides.items() if _is_axis(path, leaf, asked, keys)}
    lists = {path: _items(leaf) for path, leaf in varying.items() if leaf.value != []}  # which is told below
    single = {path: leaf for path, leaf in overrides.items() if path not in varying}
    _refuse_lists(asked, varying, keys, faults)
    seeds = () if ("seed",) in single else lists.get(("seed",), asked.seeds)
    names = [leaf.value for leaf in lists.get(keys.shape or (), ())]  # empty: all
    changed = _replaced(asked, lists) if asked.has_points else asked
    kept = replace(
        changed,
        axes=_without(changed.axes, single),
        when=tuple(replace(when, axes=_without(when.axes, single)) for when in asked.when),
        sample=asked.sample.without(single) if asked.sample else None,
        runs=tuple(point for point in asked.runs if not names or point.leaves[keys.shape or ()].value in names),
        seeds=seeds,
        changed=any(keys.of_runs(path) for path in overrides),
    )
    return kept, single


def _replaced(asked: Asked, lists: Mapping[Path, tuple[Leaf, ...]]) -> Asked:
    """With the lists in place of the axes that they name, or else as further axes; seeds are added later."""
    new = {path: Axis(place=COMMAND_LINE, choices=tuple({path: leaf} for leaf in lists[path])) for path in lists}
    axes = [new.pop(axis.paths[0], axis) if len(axis.paths) == 1 else axis for axis in asked.axes]
    new.pop(("seed",), None)
    return replace(asked, axes=(*axes, *new.values()))


def _without(axes: Sequence[Axis], paths: Collection[Path]) -> tuple[Axis, ...]:
    kept = (axis.without(paths) for axis in axes)
    return tuple(axis for axis in kept if axis.choices)


def _refuse_lists(asked: Asked, lists: Layer, keys: OverrideKeys, faults: Faults) -> None:
    """A list takes the place of an axis of the grid; elsewhere it would undo what the file says of other settings."""
    zipped = {path: "is zipped with others" for axis in asked.axes if len(axis.paths) > 1 for path in axis.paths}
    conditional = {path: "depends on `when`" for when in asked.when for axis in when.axes for path in axis.paths}
    drawn = {draw.path: "is drawn by `sample`" for draw in asked.sample.draws} if asked.sample else {}
    alone = {path: "varies no explicit run" for path in lists if not asked.has_points and keys.varies(path)}
    for path, why in {**alone, **zipped, **conditional, **drawn}.items():
        if path in lists and isinstance(lists[path].value, list):
            name = lists[path].name
            faults.add(COMMAND_LINE, f"{name}: {why} in the file; give one value, or change the file")
    for leaf in lists.values():
        if leaf.value == []:
            faults.add(COMMAND_LINE, f"{leaf.name}: the list is empty, so there would be no run")


def _is_axis(path: Path, leaf: Leaf, asked: Asked, keys: OverrideKeys) -> bool:
    """A list is one value of a setting that is a list in the file, and several of any other: so a list that is deeper
    than those of the file is several of them.
    """
    if path == keys.shape or not isinstance(leaf.value, list):
        return path == keys.shape
    if path == ("seed",):
        return True
    inside = [*_values(asked, path), *(one.value for run in asked.runs for at, one in run.leaves.items() if at == path)]
    may_vary = keys.varies(path) or bool(list(_values(asked, path)))
    return may_vary and _depth(leaf.value) > max(map(_depth, (*inside, *keys.held(path))), default=0)


def _values(asked: Asked, path: Path) -> Iterator[Any]:
    """Of a setting, along all axes and draws."""
    for axis in (*asked.axes, *(axis for when in asked.when for axis in when.axes)):
        yield from (choice[path].value for choice in axis.choices if path in choice)
    for draw in asked.sample.draws if asked.sample else ():
        yield from draw.values if draw.path == path else ()


def _depth(value: Any) -> int:
    return 1 + max(map(_depth, value), default=0) if isinstance(value, list) else 0


def _items(leaf: Leaf) -> tuple[Leaf, ...]:
    values = leaf.value if isinstance(leaf.value, list) else [leaf.value]
    return tuple(replace(leaf, value=value) for value in values)
