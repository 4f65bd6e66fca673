"""The runs that a sweep file asks for: its axes, conditions and sample, its explicit runs and its seeds."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace

from sweeps.asked import Asked, Axis, Point
from sweeps.conditions import checked_condition, read_exclude, read_when
from sweeps.draws import checked_sample, read_sample
from sweeps.layers import At, Layer, Leaf, Path, dotted, flatten
from sweeps.overrides import SEEDS_PROBLEM, seed_values
from sweeps.reading import Reading, RunKeys
from sweeps.sweep_file import SweepFile
from sweeps.yaml_file import Place


def read_asked(file: SweepFile, reading: Reading) -> Asked:
    """What the file asks for. The values of axes are not checked yet: the command line may replace them."""
    first: dict[Path, Place] = {}
    axes = [*reading.axes(("grid",), first), *_zipped(file, reading, first)]
    if file.seeds is not None and ("seed",) in first:
        reading.fault(("seeds",), "seeds: the grid has `seed` already; leave one of them out")
    seeds = tuple(_seeds(file, reading))
    has_points = bool(file.grid or file.zip or (file.sample and file.sample.draw) or not file.runs)
    if not has_points:
        _refuse_what_needs_points(file, reading)
    whens = tuple(read_when(file, reading)) if has_points else ()
    varied = {path: axis.place for when in whens for axis in when.axes for path in axis.paths}
    repeated: dict[Path, Place] = {("seed",): seeds[0].place} if seeds else {}
    return Asked(
        axes=tuple(axes),
        when=whens,
        exclude=tuple(read_exclude(file, reading)) if has_points else (),
        sample=read_sample(file, reading, {**repeated, **varied, **first}) if has_points else None,
        runs=tuple(_runs(file, reading)),
        seeds=seeds,
        has_points=has_points,
        place=reading.located.place(("zip",) if file.zip and not file.grid else ("grid",)),
        refused=frozenset(reading.refused),
    )


def _refuse_what_needs_points(file: SweepFile, reading: Reading) -> None:
    given = {"when": file.when, "exclude": file.exclude, "sample": file.sample}
    for word in (word for word, section in given.items() if section):
        reading.fault(
            (word,), f"{word}: speaks of points of `grid` or `zip`, and there are none; `runs` stay as written"
        )


def checked(asked: Asked, keys: RunKeys) -> Asked:
    """With only those values that can be, the axis that decides on others first."""
    axes = [_checked_axis(axis, keys) for axis in asked.axes]
    return replace(
        asked,
        has_points=asked.has_points and (keys.shape is None or any(keys.shape in axis.paths for axis in axes)),
        axes=tuple(sorted(axes, key=lambda axis: keys.shape not in axis.paths)),
        when=tuple(
            replace(
                when,
                condition=checked_condition(when.condition, keys),
                axes=tuple(_checked_axis(axis, keys) for axis in when.axes),
            )
            for when in asked.when
        ),
        exclude=tuple(checked_condition(condition, keys) for condition in asked.exclude),
        sample=checked_sample(asked.sample, keys) if asked.sample else None,
        seeds=tuple(good for seed in asked.seeds for good in keys.checked({("seed",): seed}).values()),
    )


def _checked_axis(axis: Axis, keys: RunKeys) -> Axis:
    """Without what cannot be; a choice that has lost what the others depend on is none."""
    pairs = [(choice, keys.checked(choice)) for choice in axis.choices]
    shaped = (kept for given, kept in pairs if kept and (keys.shape not in given or keys.shape in kept))
    return replace(axis, choices=tuple(shaped))


def _zipped(file: SweepFile, reading: Reading, first: dict[Path, Place]) -> Iterator[Axis]:
    places: list[At] = [("zip",)] if isinstance(file.zip, Mapping) else [("zip", i) for i in range(len(file.zip))]
    for at in places:
        columns = list(reading.axes(at, first))
        odd = next((one for one in columns if len(one.choices) != len(columns[0].choices)), None)
        if odd:
            sizes = [f"`{dotted(one.paths[0])}` has {len(one.choices)}" for one in (columns[0], odd)]
            message = f"zip: {sizes[0]} values, {sizes[1]}; what varies together needs as many"
            reading.refuse((path for one in columns for path in one.paths), odd.place, message)
        elif columns:
            rows = zip(*(one.choices for one in columns), strict=True)
            choices = ({path: leaf for one in row for path, leaf in one.items()} for row in rows)
            yield Axis(place=columns[0].place, choices=tuple(choices))


def _runs(file: SweepFile, reading: Reading) -> Iterator[Point]:
    shape = reading.keys.shape
    for index in range(len(file.runs)):
        place = reading.located.place(("runs", index))
        leaves = reading.keys.checked(flatten(reading.located, ("runs", index), (), reading.faults, dots=True))
        if shape is None:
            yield Point(place=place, leaves=leaves)
        elif shape in leaves:
            _check_own_backbone(leaves, leaves[shape].value, reading)
            yield Point(place=place, leaves=leaves)
        elif dotted(shape) not in file.runs[index]:
            reading.faults.add(place, "this run names no backbone; add `backbone: NAME`")


def _check_own_backbone(leaves: Layer, backbone: str, reading: Reading) -> None:
    for path, leaf in leaves.items():
        if path[0] == "backbones" and path[1] != backbone:
            reading.faults.add(leaf.place, f"{leaf.name}: does nothing in this run, whose backbone is {backbone}")


def _seeds(file: SweepFile, reading: Reading) -> Iterator[Leaf]:
    values = seed_values(file.seeds)
    if values is None and file.seeds is not None:
        reading.fault(("seeds",), SEEDS_PROBLEM)
    for index, seed in enumerate(values or ()):
        yield Leaf(value=seed, place=reading.located.place(("seeds", index)), name="seed")
