"""Settings from the command line, `key=value`, and what they do to a sweep's grid and explicit runs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path as FilePath
from typing import Any

from db.errors import Refused
from sweeps.expand import Point
from sweeps.layers import Faults, Layer, Leaf, Path, anchored
from sweeps.yaml_file import Place, parse_yaml

COMMAND_LINE = Place("command line")
Grid = Mapping[Path, tuple[Leaf, ...]]


def read_overrides(texts: Sequence[str], faults: Faults) -> dict[Path, Leaf]:
    """The settings by path, `data.folder` relative to the current folder. `seeds=3` becomes `seed=[0,1,2]`."""
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
    return anchored(found, FilePath.cwd())


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
    if not all(key.split(".")):
        raise ValueError(f"`{key}` is not the name of a setting")
    if key == "profile":
        raise ValueError("profile: choose one with --profile NAME")
    if key.startswith("grid."):
        raise ValueError(f"{key}: leave `grid.` away; a list for `{key[5:]}` replaces what the grid has")


def _read_value(key: str, text: str) -> Any:
    if not text.strip():
        return None
    try:
        value = parse_yaml(text, str(COMMAND_LINE)).data
    except Refused as refused:
        raise ValueError(f"{key}={text}: {str(refused).partition(': ')[2]}") from None
    if isinstance(value, Mapping):
        raise ValueError(f"{key}: give keys one by one, as in {key}.KEY=VALUE")  # noqa: TRY004 - a person's slip
    return value


SEEDS_PROBLEM = "seeds: expected how many (3 for 0, 1, 2) or a list of integers"


def seed_values(value: Any) -> list[int] | None:
    """The seeds that `seeds:` means; None where it means none."""
    if type(value) is int and 0 < value <= 100_000:
        return list(range(value))
    fits = isinstance(value, (list, tuple)) and value and all(type(seed) is int for seed in value)
    return list(value) if fits else None


@dataclass(frozen=True, kw_only=True)
class Asked:
    """Which runs are asked for. `seeds` repeat every grid point and every explicit run that names no seed itself."""

    grid: Grid
    runs: tuple[Point, ...]
    seeds: tuple[Leaf, ...]
    everywhere: Layer


def apply_overrides(asked: Asked, overrides: Layer) -> Asked:
    """What the command line makes of a file's runs; it sets what is left of it `everywhere`.

    A list replaces the axis it names. One value removes the axis and is set everywhere. A backbone also leaves out the
    explicit runs of others.
    """
    lists = {path: _items(leaf) for path, leaf in overrides.items() if _is_axis(path, leaf, asked.grid)}
    single = {path: leaf for path, leaf in overrides.items() if path not in lists}
    seeds = () if ("seed",) in single else lists.pop(("seed",), asked.seeds)
    names = [leaf.value for leaf in lists.get(("backbone",), ())]  # empty: all
    kept = {path: leaves for path, leaves in asked.grid.items() if path not in single}
    return Asked(
        grid={**kept, **lists} if asked.grid or not asked.runs else {},
        runs=tuple(point for point in asked.runs if not names or point.leaves[("backbone",)].value in names),
        seeds=seeds,
        everywhere=single,
    )


def repeat_seeds(asked: Asked) -> Asked:
    """With `seeds` worked into the grid and the explicit runs."""
    if not asked.seeds:
        return asked
    grid = {**asked.grid, ("seed",): asked.seeds} if asked.grid else {}
    runs = tuple(one for point in asked.runs for one in _repeated(point, asked.seeds))
    return replace(asked, grid=grid, runs=runs, seeds=())


def _repeated(point: Point, seeds: Sequence[Leaf]) -> Iterator[Point]:
    if ("seed",) in point.leaves:
        yield point
        return
    for seed in seeds:
        yield replace(point, leaves={**point.leaves, ("seed",): seed})


def _is_axis(path: Path, leaf: Leaf, grid: Grid) -> bool:
    return path == ("backbone",) or (isinstance(leaf.value, list) and (path in grid or path == ("seed",)))


def _items(leaf: Leaf) -> tuple[Leaf, ...]:
    values = leaf.value if isinstance(leaf.value, list) else [leaf.value]
    return tuple(replace(leaf, value=value) for value in values)
