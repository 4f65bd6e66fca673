"""The runs that a sweep file asks for: its grid, its explicit runs and its seeds."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path as FilePath

from sweeps.checks import Known
from sweeps.expand import Point
from sweeps.layers import Faults, Leaf, Path, anchored, axes, dotted, flatten
from sweeps.overrides import SEEDS_PROBLEM, Asked, seed_values
from sweeps.sweep_file import SweepFile
from sweeps.yaml_file import Located

RUN_KEYS = ("backbone", "seed", "tasks", "data", "train", "backbones")
"""What a setting of one run begins with."""


def read_asked(file: SweepFile, located: Located, folder: FilePath, known: Known, faults: Faults) -> Asked:
    """What the file in `folder` asks for. The values of axes are not checked yet: the command line may replace them."""
    grid = dict(_grid(file, located, known, faults))
    if file.seeds is not None and ("seed",) in grid:
        faults.add(located.place(("seeds",)), "seeds: the grid has `seed` already; leave one of them out")
    return Asked(
        grid=grid,
        runs=tuple(_runs(file, located, folder, known, faults)),
        seeds=tuple(_seeds(file, located, faults)),
        everywhere={},
    )


def checked_axes(asked: Asked, folder: FilePath, known: Known, faults: Faults) -> dict[Path, tuple[Leaf, ...]]:
    """The grid with only those values that can be; `data.folder` relative to `folder`."""
    return {
        path: tuple(
            good for leaf in leaves for good in known.checked(anchored({path: leaf}, folder), RUN_KEYS, faults).values()
        )
        for path, leaves in asked.grid.items()
    }


def _grid(file: SweepFile, located: Located, known: Known, faults: Faults) -> Iterator[tuple[Path, tuple[Leaf, ...]]]:
    for path, (place, leaves) in axes(located, ("grid",), faults).items() if file.grid else ():
        problem = known.key_problem(path, RUN_KEYS)
        if problem:
            faults.add(place, problem)
        elif leaves:
            yield path, leaves
        else:
            faults.add(place, f"{dotted(path)}: an axis needs at least one value")


def _runs(file: SweepFile, located: Located, folder: FilePath, known: Known, faults: Faults) -> Iterator[Point]:
    for index in range(len(file.runs)):
        place = located.place(("runs", index))
        given = flatten(located, ("runs", index), (), faults, dots=True)
        leaves = known.checked(anchored(given, folder), RUN_KEYS, faults)
        if ("backbone",) not in leaves:
            if "backbone" not in file.runs[index]:
                faults.add(place, "this run names no backbone; add `backbone: NAME`")
            continue
        _check_own_backbone(leaves, faults)
        yield Point(place=place, leaves=leaves)


def _check_own_backbone(leaves: dict[Path, Leaf], faults: Faults) -> None:
    backbone = leaves[("backbone",)].value
    for path, leaf in leaves.items():
        if path[0] == "backbones" and path[1] != backbone:
            faults.add(leaf.place, f"{leaf.name}: does nothing in this run, whose backbone is {backbone}")


def _seeds(file: SweepFile, located: Located, faults: Faults) -> Iterator[Leaf]:
    values = seed_values(file.seeds)
    if values is None and file.seeds is not None:
        faults.add(located.place(("seeds",)), SEEDS_PROBLEM)
    for index, seed in enumerate(values or ()):
        yield Leaf(value=seed, place=located.place(("seeds", index)), name="seed")
