"""A sweep's settings into the runs it asks for. Pure.

Precedence, later wins: file, profile, the backbone's own section (file, then profile), grid point or explicit run,
command line. What a layer says for one backbone goes before what it says for all.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

from db.strict import Invalid, to_data, to_record
from sweeps.asked import Draft, Point, refuse_twins
from sweeps.checks import task_names
from sweeps.labels import labels
from sweeps.layers import At, Faults, Layer, Leaf, Path, dotted, find, general, nested, overlay, special
from sweeps.settings import DataSettings, TrainSettings
from sweeps.spread import spread
from sweeps.yaml_file import Place

T = TypeVar("T")


@dataclass(frozen=True, kw_only=True)
class Candidate:
    """A run as asked for: the configs of backbone and tasks hold the keys that were given, and no defaults."""

    label: str
    backbone: str
    backbone_config: Mapping[str, Any]
    tasks: Mapping[str, Mapping[str, Any]]
    data: DataSettings
    train: TrainSettings
    seed: int
    point: Point = field(repr=False, compare=False)
    layers: tuple[Layer, ...] = field(repr=False, compare=False)
    """What it was made from, the strongest first."""


def expand(draft: Draft, tasks: tuple[str, ...], faults: Faults) -> tuple[Candidate, ...]:
    """Every run once, the grid's before the explicit ones. What is wrong goes into `faults`.

    `tasks` are the names trained where no layer selects others.
    """
    reader = _Reader(draft, tasks, faults)
    points = spread(draft.asked, reader, faults)
    if not points and not faults:
        faults.add(draft.place, "no run is asked for; give `grid.backbone` a list of backbones, or `runs`")
    found = [candidate for point in points if (candidate := reader.candidate(point))]
    unique = _without_twins(found, faults, refuse=not draft.asked.changed)
    names = labels([(one.backbone, one.point.leaves) for one in unique])
    return tuple(replace(one, label=name) for one, name in zip(unique, names, strict=True))


def default_settings(tasks: Sequence[str]) -> dict[Path, Leaf]:
    """What holds where no layer says anything else, of all settings whose defaults are known before backbones are."""
    nowhere = Place("defaults")
    found: dict[Path, Any] = {("seed",): 0, ("tasks",): list(tasks)}
    for root, record in (("data", DataSettings()), ("train", TrainSettings())):
        found |= {(root, *path): value for path, value in _leaves(to_data(record))}
    return {path: Leaf(value=value, place=nowhere, name=dotted(path)) for path, value in found.items()}


def _leaves(data: Mapping[str, Any]) -> Iterator[tuple[Path, Any]]:
    for key, value in data.items():
        if isinstance(value, Mapping):
            yield from (((key, *path), inner) for path, inner in _leaves(value))
        else:
            yield (key,), value


class _Reader:
    """Reads points into candidates, each distinct section only once: most runs share theirs."""

    def __init__(self, draft: Draft, tasks: tuple[str, ...], faults: Faults) -> None:
        self.draft = draft
        self.tasks = tasks
        self.faults = faults
        self.bases: dict[str, tuple[Layer, Layer]] = {}
        self.records: dict[Any, Any] = {}
        self.defaults = default_settings(tasks)

    def value(self, leaves: Layer, path: Path) -> Leaf | None:
        """The setting that holds at a point, whichever layer gives it; None where none does."""
        backbone = leaves[("backbone",)].value
        if path[:2] == ("backbones", backbone) and path[2:3] == ("train",):
            path = path[2:]
        base, command_line = self._shared(backbone)
        own = ("backbones", backbone, *path)
        return (
            command_line.get(path) or leaves.get(own) or leaves.get(path) or base.get(path) or self.defaults.get(path)
        )

    def concerns(self, leaves: Layer, path: Path) -> bool:
        """Whether the setting does anything at a point: those of other backbones do not."""
        return path[0] != "backbones" or path[1] == leaves[("backbone",)].value

    def effect(self, leaves: Layer) -> Layer:
        """What a point sets for its backbone: nothing that the command line sets otherwise."""
        backbone = leaves[("backbone",)].value
        own = overlay(general(leaves), special(leaves, backbone))
        command_line = self._shared(backbone)[1]
        return {path: leaf for path, leaf in own.items() if path not in command_line}

    def candidate(self, point: Point) -> Candidate | None:
        backbone = point.leaves[("backbone",)].value
        base, command_line = self._shared(backbone)
        own = self.effect(point.leaves)
        settings = overlay(base, own, command_line)
        data = self._record(DataSettings, settings, "data", point)
        train = self._record(TrainSettings, settings, "train", point)
        if data is None or train is None:
            return None
        return Candidate(
            label="",
            backbone=backbone,
            backbone_config=nested(settings, ("backbones", backbone)),
            tasks=self._tasks(settings),
            data=data,
            train=train,
            seed=settings[("seed",)].value if ("seed",) in settings else 0,
            point=replace(point, leaves=own),
            layers=(command_line, own, base),
        )

    def _shared(self, backbone: str) -> tuple[Layer, Layer]:
        """What all runs of a backbone have below and above their point."""
        if backbone not in self.bases:
            file, profile, top = self.draft.file, self.draft.profile, self.draft.command_line
            sections = special(file, backbone), special(profile, backbone)
            base = overlay(general(file), general(profile), *sections)
            self.bases[backbone] = base, overlay(general(top), special(top, backbone))
        return self.bases[backbone]

    def _tasks(self, settings: Layer) -> Mapping[str, Mapping[str, Any]]:
        chosen = settings.get(("tasks",))
        names = task_names(chosen.value) if chosen else self.tasks
        return {name: nested(settings, ("tasks", name)) for name in names}

    def _record(self, kind: type[T], settings: Layer, root: str, point: Point) -> T | None:
        given = {path: leaf for path, leaf in settings.items() if path[0] == root}
        key = kind, *((path, repr(leaf.value)) for path, leaf in given.items())
        if key not in self.records:
            self.records[key] = self._read(kind, given, root, point)
        return self.records[key]  # type: ignore[no-any-return] # one dictionary for records of two kinds

    def _read(self, kind: type[T], given: Layer, root: str, point: Point) -> T | None:
        try:
            return to_record(kind, nested(given, (root,)))
        except Invalid as invalid:
            for fault in invalid.faults:
                place, name = _blame(given, (root, *fault.path), fault.message, point)
                self.faults.add(place, f"{name}: {fault.message}")
            return None


def _blame(given: Layer, path: At, message: str, point: Point) -> tuple[Place, str]:
    """The place of a fault; where it lies in a default, that of the setting that the message compares it with."""
    hit = find([given], path)
    if hit:
        return hit[0].place, dotted((hit[0].name, *hit[1]))
    words = set(re.findall(r"\w+", message))
    named = [leaf.place for at, leaf in given.items() if at[-1] in words]
    return (named[-1] if named else point.place), dotted(path)


def _without_twins(found: Sequence[Candidate], faults: Faults, *, refuse: bool) -> list[Candidate]:
    """Each run once; twins are refused where asked, but chance may draw the same twice."""
    first: dict[Any, Candidate] = {}
    for one in found:
        configs = json.dumps([one.backbone_config, one.tasks], sort_keys=True)
        known = first.setdefault((one.backbone, configs, one.data, one.train, one.seed), one)
        if known is not one and refuse and not (known.point.drawn and one.point.drawn):
            refuse_twins(known.point, one.point, faults)
    return list(first.values())
