"""`when` and `exclude` of a sweep file: which points they speak of."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import replace

from db.strict import nearest
from sweeps.asked import Asked, Axis, Condition, When
from sweeps.checks import suggest
from sweeps.layers import At, Faults, Path, dotted
from sweeps.reading import Reading, RunKeys
from sweeps.sweep_file import SweepFile
from sweeps.yaml_file import Place

_KEYS = ("if", "grid", "set")


def read_when(file: SweepFile, reading: Reading) -> Iterator[When]:
    """More axes, each item's for the points that it speaks of."""
    for index, given in enumerate(file.when):
        at = ("when", index)
        for key in given:
            if key not in _KEYS:
                reading.fault((*at, key), f"when: unknown key `{key}`{nearest(key, _KEYS)}")
        first: dict[Path, Place] = {}
        axes = [*reading.axes((*at, "grid"), first), *reading.settings((*at, "set"), first)]
        condition = _condition((*at, "if"), reading)
        if not (reading.filled((*at, "if")) and any(reading.filled((*at, key)) for key in _KEYS[1:])):
            expected = "when: expected `if: {KEY: VALUE}`, and `grid: {KEY: [VALUE, ...]}` or `set: {KEY: VALUE}`"
            reading.refuse(first, reading.located.place(at), expected)
        elif reading.keys.shape in first:
            name = dotted(reading.keys.shape)
            reading.faults.add(first[reading.keys.shape], f"{name}: vary it in `grid` or `zip`; conditions come after")
        elif condition and axes:
            yield When(condition=condition, axes=tuple(axes))
        else:
            reading.refused.update(first)


def read_exclude(file: SweepFile, reading: Reading) -> Iterator[Condition]:
    for index in range(len(file.exclude)):
        condition = _condition(("exclude", index), reading)
        if condition:
            yield condition
        elif not reading.filled(("exclude", index)):
            reading.fault(("exclude", index), "exclude: expected keys and values: what the points to leave out have")


def _condition(at: At, reading: Reading) -> Condition | None:
    wanted = {axis.paths[0]: tuple(choice[axis.paths[0]] for choice in axis.choices) for axis in reading.axes(at, {})}
    return Condition(place=reading.located.place(at), wanted=wanted) if wanted else None


def checked_condition(condition: Condition, keys: RunKeys) -> Condition:
    """With only those values that can be."""
    found = {
        path: tuple(one for leaf in leaves for one in keys.checked({path: leaf}).values())
        for path, leaves in condition.wanted.items()
    }
    return replace(condition, wanted=found)


def require_known(asked: Asked, elsewhere: Collection[Path], faults: Faults) -> None:
    """Refuse conditions on what nothing sets before they are asked; `elsewhere` are the settings of other layers."""
    known = {*elsewhere, *asked.refused, *_paths(asked.axes)}
    for when in asked.when:
        _require(when.condition, known, asked, faults)
        known |= {*_paths(when.axes)}
    for condition in asked.exclude:
        _require(condition, known, asked, faults)


def _require(condition: Condition, known: Collection[Path], asked: Asked, faults: Faults) -> None:
    drawn = {draw.path for draw in asked.sample.draws} if asked.sample else set()
    for path, leaves in condition.wanted.items():
        name = dotted(path)
        place = leaves[0].place if leaves else condition.place
        if path == ("seed",) and asked.seeds and path not in _paths(asked.axes):
            faults.add(place, "seed: `seeds` are added after all conditions; give `grid` the list of seeds instead")
        elif path in drawn:
            faults.add(place, f"{name}: `sample` draws it after all conditions are asked")
        elif path not in known:
            faults.add(place, f"{name}: nothing before this sets it{suggest(name, map(dotted, known))}")


def _paths(axes: Collection[Axis]) -> Iterator[Path]:
    for axis in axes:
        yield from axis.paths
