"""A sweep file, read strictly into a `SweepSpec`: every fault is told at once, each with its place."""

from __future__ import annotations

import os
import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TypeVar

from db.strict import Invalid, describe, to_record
from sweeps import plugins as shelves
from sweeps.asked import Asked
from sweeps.checks import Known, task_names
from sweeps.conditions import require_known
from sweeps.expand import Candidate, Draft, default_settings, expand
from sweeps.layers import At, Faults, Layer, Leaf, absolute, anchored, dotted, find, flatten, nested, overlay
from sweeps.overrides import OverrideKeys, apply_overrides, read_overrides
from sweeps.points import checked, read_asked
from sweeps.reading import Reading, RunKeys
from sweeps.settings import Policy, Resources
from sweeps.sweep_file import Host, SweepFile, choose_profile, read_sweep_file
from sweeps.yaml_file import Located, Place, read_yaml

T = TypeVar("T")
BACKBONES = shelves.Shelf(word="backbone", package="backbones", interface="Backbone")
TASKS = shelves.Shelf(word="task", package="tasks", interface="Task")

RUN_KEYS = ("backbone", "seed", "tasks", "data", "train", "backbones")
"""What a setting of one run begins with."""
_OF_PROFILES = ("data", "train", "backbones", "tasks", "resources")
_OF_FILES = (*_OF_PROFILES, "policy")
_OF_COMMAND_LINES = (*RUN_KEYS, "resources", "policy", "name", "plugins")
_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,99}")


@dataclass(frozen=True, kw_only=True)
class SweepSpec:
    """What a sweep asks for. `file` and `plugins` are absolute; `profile_reason` is a sentence for a person."""

    name: str
    file: Path
    profile: str | None
    profile_reason: str
    plugins: tuple[Path, ...]
    resources: Resources
    policy: Policy
    candidates: tuple[Candidate, ...]
    source: Located = field(repr=False, compare=False)

    def place(self, candidate: Candidate, path: At) -> str:
        """Where the setting at `path` of a candidate was given: `file:line:column`, or `command line`.

        Paths are those of the file: `("backbones", "timesnet", "e_layer")`, `("tasks", "signal_prediction")`,
        `("backbone",)`, `("train", "lr")`. A setting that was not given has the place of what asked for it.
        """
        hit = find(candidate.layers, path)
        if hit is None and path[:1] == ("backbones",):
            hit = find(candidate.layers, ("backbone",))
        return str(hit[0].place if hit else self.source.place(path))


def read_sweep(
    path: Path,
    overrides: Sequence[str] = (),
    *,
    profile: str | None = None,
    has_gpu: bool,
    known_kinds: Collection[str] = (),
) -> SweepSpec:
    """Read and expand a sweep file. Imports no backbone and no task.

    `overrides` are `key=value` from the command line, `profile` its `--profile`; `known_kinds` are the failure kinds
    that `policy.retries` may name (none: not checked).

    Raises:
        Refused: with one line for each thing wrong.
    """
    faults = Faults()
    located = read_yaml(path)
    file = read_sweep_file(located, faults)
    given = read_overrides(overrides, faults)
    reader = _Reader(path, located, file, given, faults, known_kinds)
    spec = reader.spec(profile, has_gpu=has_gpu)
    faults.stop()
    return spec


class _Reader:
    """One reading of one file: its parts share the file, the command line, the known names and the faults."""

    def __init__(
        self, path: Path, located: Located, file: SweepFile, given: Layer, faults: Faults, kinds: Collection[str]
    ) -> None:
        self.path = path.absolute()
        self.located = located
        self.file = file
        self.given = anchored(given, Path.cwd())
        self.faults = faults
        self.plugins = tuple(self._plugins())
        selected = task_names(given[("tasks",)].value) if ("tasks",) in given else ()
        self.known = Known(
            backbones=tuple(shelves.files(BACKBONES, self.plugins)),
            tasks=tuple(shelves.files(TASKS, self.plugins)),
            declared_tasks=(*file.tasks, *selected),
            kinds=kinds,
        )

    def spec(self, asked_profile: str | None, *, has_gpu: bool) -> SweepSpec:
        self._check_task_names()
        settings = self._settings(())
        asked, everywhere = self._asked()
        gpus = overlay(settings, everywhere).get(("resources", "gpus"))
        host = Host(has_gpu=has_gpu, unused=gpus is not None and gpus.value == "none")
        profile, reason = choose_profile(self.file, asked_profile, host, self.located, self.faults)
        profiles = {name: self._settings(("profiles", name)) for name in self.file.profiles}
        profiled = frozenset(path for layer in profiles.values() for path in layer)
        over = profiles.get(profile or "", {})
        layers = settings, over, everywhere
        draft = Draft(
            file=settings,
            profile=over,
            command_line={path: leaf for path, leaf in everywhere.items() if path[0] in RUN_KEYS},
            tasks=tuple(self.file.tasks),
            asked=replace(asked, profiled=profiled),
            place=self.located.place(()),
        )
        require_known(asked, {*settings, *profiled, *everywhere, *default_settings(())}, self.faults)
        return SweepSpec(
            name=self._name(everywhere),
            file=self.path,
            profile=profile,
            profile_reason=reason,
            plugins=self.plugins,
            resources=self._typed(Resources, "resources", *layers),
            policy=self._typed(Policy, "policy", *layers),
            candidates=expand(draft, self.faults),
            source=self.located,
        )

    def _settings(self, at: At) -> dict[tuple[str, ...], Leaf]:
        """The leaves of the file's own sections, or of a profile's."""
        record = self.file.profiles[str(at[-1])] if at else self.file
        found: dict[tuple[str, ...], Leaf] = {}
        for root in _OF_PROFILES if at else _OF_FILES:
            section = getattr(record, root, None)
            if section and isinstance(section, Mapping):
                unknown = set(self._unknown_names((*at, root), section))
                leaves = flatten(self.located, (*at, root), (root,), self.faults)
                found |= {path: leaf for path, leaf in leaves.items() if path[1] not in unknown}
        return self.known.checked(anchored(found, self.path.parent), _OF_FILES, self.faults)

    def _unknown_names(self, at: At, section: Iterable[str]) -> Iterator[str]:
        """Unknown backbones and tasks are told at their own place, also those that hold nothing."""
        for name in section if at[-1] in ("backbones", "tasks") else ():
            problem = self.known.name_problem(str(at[-1]), name)
            if problem:
                self.faults.add(self.located.place((*at, name)), problem)
                yield name

    def _asked(self) -> tuple[Asked, dict[tuple[str, ...], Leaf]]:
        """What is asked for, and what the command line sets everywhere."""
        reading = Reading(located=self.located, keys=self.keys, faults=self.faults)
        overrides = OverrideKeys(
            shape=self.keys.shape, of_runs=lambda path: path[0] in RUN_KEYS, varies=lambda _: False
        )
        asked, everywhere = apply_overrides(read_asked(self.file, reading), self.given, overrides, self.faults)
        if not any(self.keys.shape in axis.paths for axis in asked.axes):
            if asked.axes or asked.when or asked.sample:
                self.faults.add(asked.place, "the grid names no backbone; add `backbone: [NAME, ...]`")
            asked = replace(asked, has_points=False)
        return checked(asked, self.keys), self.known.checked(everywhere, _OF_COMMAND_LINES, self.faults)

    @property
    def keys(self) -> RunKeys:
        folder = self.path.parent
        return RunKeys(
            problem=lambda path: self.known.key_problem(path, RUN_KEYS),
            checked=lambda layer: self.known.checked(anchored(layer, folder), RUN_KEYS, self.faults),
            shape=("backbone",),
        )

    def _check_task_names(self) -> None:
        names = tuple(self.file.tasks)
        for index, name in enumerate(names):
            place = self.located.place(("tasks", name if isinstance(self.file.tasks, Mapping) else index))
            problem = self.known.name_problem("tasks", name)
            if problem:
                self.faults.add(place, problem)
            if name in names[:index]:
                self.faults.add(place, f"tasks: `{name}` is named twice")
        if not self.file.tasks and not self.faults:
            self.faults.add(self.located.place(("tasks",)), "no task is named; add `tasks: [NAME, ...]`")

    def _plugins(self) -> Iterator[Path]:
        given = self.given.get(("plugins",))
        named: list[tuple[object, Place]]
        named = [(text, self.located.place(("plugins", index))) for index, text in enumerate(self.file.plugins)]
        if given:
            texts = given.value if isinstance(given.value, list) else [given.value]
            named = [(text, given.place) for text in texts if text is not None]
        for text, place in named:
            folder = absolute(str(text), Path.cwd() if given else self.path.parent)
            if isinstance(text, str) and os.path.isdir(folder):  # noqa: PTH112 - Path.is_dir raises for long names
                yield Path(folder)
            else:
                self.faults.add(place, f"plugins: there is no folder {folder if isinstance(text, str) else text}")

    def _name(self, everywhere: Layer) -> str:
        given = everywhere.get(("name",))
        name = given.value if given else self.path.stem if self.file.name is None else self.file.name
        if not (isinstance(name, str) and _NAME.fullmatch(name)):
            place = given.place if given else self.located.place(("name",))
            rule = "a sweep's name begins with a letter, digit or _, and holds only these, `.` and `-`"
            self.faults.add(place, f"name: {rule}; found {describe(name)}")
        return str(name)

    def _typed(self, kind: type[T], root: str, *layers: Layer) -> T:
        settings = overlay(*layers)
        try:
            return to_record(kind, nested(settings, (root,)))
        except Invalid as invalid:
            self.faults.add_invalid(invalid, lambda at: _place_and_name(settings, (root, *at), self.located))
            return kind()


def _place_and_name(settings: Layer, path: At, located: Located) -> tuple[Place, str]:
    hit = find([settings], path)
    return (hit[0].place if hit else located.place(path)), dotted(path)
