"""What a sweep of our own backbones may say: its sections, its settings and the names in them."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path as FilePath

from sweeps import plugins as shelves
from sweeps.asked import Asked, Draft
from sweeps.checks import Known, task_names
from sweeps.expand import Candidate, default_settings, expand
from sweeps.layers import At, Faults, Layer, Leaf, Path, absolute, anchored, flatten
from sweeps.overrides import OverrideKeys
from sweeps.reading import RunKeys
from sweeps.sweep_file import SweepFile
from sweeps.yaml_file import Located, Place

BACKBONES = shelves.Shelf(word="backbone", package="backbones", interface="Backbone")
TASKS = shelves.Shelf(word="task", package="tasks", interface="Task")
_OF_RUNS = ("backbone", "seed", "tasks", "data", "train", "backbones")
_OF_PROFILES = ("data", "train", "backbones", "tasks", "resources", "slurm")
_OF_FILES = (*_OF_PROFILES, "policy", "memory")
_OF_COMMAND_LINES = (*_OF_RUNS, "resources", "policy", "memory", "slurm", "name", "plugins")


class Trainings:
    """One reading of a file that trains backbones."""

    def __init__(
        self,
        file: SweepFile,
        located: Located,
        folder: FilePath,
        given: Layer,
        kinds: Collection[str],
        faults: Faults,
    ) -> None:
        self.file = file
        self.located = located
        self.folder = folder
        self.given = anchored(given, FilePath.cwd())
        self.faults = faults
        self.plugins = tuple(self._plugins())
        selected = task_names(given[("tasks",)].value) if ("tasks",) in given else ()
        self.known = Known(
            backbones=tuple(shelves.files(BACKBONES, self.plugins)),
            tasks=tuple(shelves.files(TASKS, self.plugins)),
            declared_tasks=(*file.tasks, *selected),
            kinds=kinds,
        )
        self._check_task_names()

    @property
    def run_keys(self) -> RunKeys:
        return RunKeys(
            problem=lambda path: self.known.key_problem(path, _OF_RUNS),
            checked=lambda layer: self.known.checked(anchored(layer, self.folder), _OF_RUNS, self.faults),
            shape=("backbone",),
        )

    @property
    def override_keys(self) -> OverrideKeys:
        return OverrideKeys(shape=("backbone",), of_runs=lambda path: path[0] in _OF_RUNS, varies=lambda _: False)

    @property
    def defaults(self) -> Collection[Path]:
        """Settings that hold something although nobody sets them."""
        return default_settings(())

    def with_points(self, asked: Asked) -> Asked:
        """Without a backbone there is no point."""
        if any(("backbone",) in axis.paths for axis in asked.axes):
            return asked
        if (asked.axes or asked.when or asked.sample) and ("backbone",) not in asked.refused:
            self.faults.add(asked.place, "the grid names no backbone; add `backbone: [NAME, ...]`")
        return replace(asked, has_points=False)

    def everywhere(self, layer: Layer) -> dict[Path, Leaf]:
        """What of the command line can be set in every run, or of the sweep itself."""
        return self.known.checked(layer, _OF_COMMAND_LINES, self.faults)

    def candidates(self, draft: Draft) -> tuple[Candidate, ...]:
        return expand(draft, tuple(self.file.tasks), self.faults)

    def section(self, at: At) -> dict[Path, Leaf]:
        """The leaves of the file's own sections, or of a profile's."""
        record = self.file.profiles[str(at[-1])] if at else self.file
        found: dict[Path, Leaf] = {}
        for root in _OF_PROFILES if at else _OF_FILES:
            section = getattr(record, root, None)
            if section and isinstance(section, Mapping):
                unknown = set(self._unknown_names((*at, root), section))
                leaves = flatten(self.located, (*at, root), (root,), self.faults)
                found |= {path: leaf for path, leaf in leaves.items() if path[1] not in unknown}
        return self.known.checked(anchored(found, self.folder), _OF_FILES, self.faults)

    def _unknown_names(self, at: At, section: Iterable[str]) -> Iterator[str]:
        """Unknown backbones and tasks are told at their own place, also those that hold nothing."""
        for name in section if at[-1] in ("backbones", "tasks") else ():
            problem = self.known.name_problem(str(at[-1]), name)
            if problem:
                self.faults.add(self.located.place((*at, name)), problem)
                yield name

    def _check_task_names(self) -> None:
        seen: set[str] = set()
        for index, name in enumerate(self.file.tasks):
            place = self.located.place(("tasks", name if isinstance(self.file.tasks, Mapping) else index))
            problem = self.known.name_problem("tasks", name)
            if problem:
                self.faults.add(place, problem)
            if name in seen:
                self.faults.add(place, f"tasks: `{name}` is named twice")
            seen.add(name)
        if not self.file.tasks and not self.faults:
            self.faults.add(self.located.place(("tasks",)), "no task is named; add `tasks: [NAME, ...]`")

    def _plugins(self) -> Iterator[FilePath]:
        given = self.given.get(("plugins",))
        named: list[tuple[object, Place]]
        named = [(text, self.located.place(("plugins", index))) for index, text in enumerate(self.file.plugins)]
        if given:
            texts = given.value if isinstance(given.value, list) else [given.value]
            named = [(text, given.place) for text in texts if text is not None]
        for text, place in named:
            folder = absolute(str(text), FilePath.cwd() if given else self.folder)
            if isinstance(text, str) and os.path.isdir(folder):  # noqa: PTH112 - Path.is_dir raises for long names
                yield FilePath(folder)
            else:
                self.faults.add(place, f"plugins: there is no folder {folder if isinstance(text, str) else text}")
