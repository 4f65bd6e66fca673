"""What a sweep of somebody's command may say: settings with names of its own, and the command that they go into."""

from __future__ import annotations

import math
import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import replace
from pathlib import Path as FilePath
from typing import Any

from db.strict import describe
from sweeps.asked import Asked, Draft
from sweeps.checks import Known, suggest
from sweeps.command import ATTEMPT_PLACEHOLDERS, CommandSection
from sweeps.expand_commands import CommandCandidate, expand_commands
from sweeps.layers import At, Faults, Layer, Leaf, Path, axes, dotted, flatten
from sweeps.overrides import OverrideKeys
from sweeps.reading import RunKeys
from sweeps.settings import MOST_STEPS, MOST_WINDOWS
from sweeps.sweep_file import SweepFile
from sweeps.template import placeholders
from sweeps.yaml_file import Located

_OF_SWEEPS = ("resources", "policy", "slurm", "name")
RESERVED = (
    *("out", "config", "accum", "effective_batch", "python", "run", "attempt"),
    *("name", "resources", "policy", "slurm", "grid", "runs", "zip", "when", "exclude", "sample", "seeds", "profiles"),
    *("success", "command", "settings", "on_end"),
)
_NAME = re.compile(r"[A-Za-z_]\w*(\.\w+)*", re.ASCII)
_MOST: Mapping[Path, float] = {("batch",): MOST_WINDOWS, ("steps",): MOST_STEPS, ("seed",): math.inf}

_STAND_IN = 999_999
"""For a number that was refused, so that nobody is also told that there is none."""


class Commands:
    """One reading of a file that runs a command."""

    plugins: tuple[FilePath, ...] = ()
    defaults: Collection[Path] = ()

    def __init__(
        self,
        file: SweepFile,
        located: Located,
        folder: FilePath,
        given: Layer,
        kinds: Collection[str],
        faults: Faults,
    ) -> None:
        self.located = located
        self.folder = folder
        self.faults = faults
        self.file = file
        self.command = file.command or CommandSection(argv=())
        self.of_sweeps = Known(backbones=(), tasks=(), declared_tasks=(), kinds=kinds)
        self.given = dict(self._known(given))

    @property
    def run_keys(self) -> RunKeys:
        return RunKeys(problem=_key_problem, checked=self._checked, shape=None)

    @property
    def override_keys(self) -> OverrideKeys:
        sections = [self.file.settings, *(one.settings for one in self.file.profiles.values() if one and one.settings)]
        given = [pair for section in sections for pair in _flat(section)]
        return OverrideKeys(
            shape=None,
            of_runs=lambda path: path[0] not in _OF_SWEEPS,
            varies=lambda path: path[0] not in (*_OF_SWEEPS, "seed"),
            held=lambda path: (value for at, value in given if at == path),
        )

    def with_points(self, asked: Asked) -> Asked:
        return asked

    def section(self, at: At) -> dict[Path, Leaf]:
        """The settings of the file or of a profile, and what it says of the sweep itself."""
        record = self.file.profiles[str(at[-1])] if at else self.file
        found: dict[Path, Leaf] = {}
        for root in _OF_SWEEPS[:-1]:
            if getattr(record, root, None):
                found |= flatten(self.located, (*at, root), (root,), self.faults)
        kept = self.of_sweeps.checked(found, _OF_SWEEPS, self.faults)
        if record and record.settings:
            kept |= self._checked(flatten(self.located, (*at, "settings"), (), self.faults, dots=True))
        return kept

    def everywhere(self, layer: Layer) -> dict[Path, Leaf]:
        """What of the command line can be set in every run, or of the sweep itself."""
        of_sweep = {path: leaf for path, leaf in layer.items() if path[0] in _OF_SWEEPS}
        of_runs = {path: leaf for path, leaf in layer.items() if path[0] not in _OF_SWEEPS}
        return {**self.of_sweeps.checked(of_sweep, _OF_SWEEPS, self.faults), **self._checked(of_runs)}

    def candidates(self, draft: Draft) -> tuple[CommandCandidate, ...]:
        return expand_commands(draft, self.file, self.command, self.folder, self.located, self.faults)

    def _known(self, given: Layer) -> Iterator[tuple[Path, Leaf]]:
        """What of the command line the file or a placeholder knows; the rest is told."""
        names = set(self._names())
        for path, leaf in given.items():
            fits = path[0] in (*_OF_SWEEPS, "config") or dotted(path) in names
            problem = None if fits else f"unknown setting `{leaf.name}`{suggest(leaf.name, names)}"
            if path[0] not in _OF_SWEEPS:
                problem = _key_problem(path) or problem
            if problem:
                self.faults.add(leaf.place, problem)
            else:
                yield path, leaf

    def _names(self) -> Iterator[str]:
        """Of every setting that the file gives somewhere, or has a placeholder for."""
        yield from ("batch", "steps", "seed")
        texts = [self.command.argv, self.command.env, self.file.success]
        config = self.command.config
        yield from placeholders([*texts, [config.base, config.set] if config else ()]) - {
            *RESERVED,
            *ATTEMPT_PLACEHOLDERS,
        }
        quiet = Faults()
        profiles: list[At] = [("profiles", name, "settings") for name, one in self.file.profiles.items() if one]
        zips: list[At] = [("zip",), *(("zip", index) for index in range(len(self.file.zip)))]
        whens: list[At] = [("when", i, key) for i in range(len(self.file.when)) for key in ("grid", "set")]
        runs: list[At] = [("runs", index) for index in range(len(self.file.runs))]
        for at in (("settings",), ("grid",), *profiles, *zips, *whens, *runs):
            section = _at(self.located.data, at)
            if isinstance(section, Mapping) and section:
                yield from map(dotted, axes(self.located, at, quiet))
        if self.file.sample and self.file.sample.draw:
            yield from (dotted(path[:-1]) for path in axes(self.located, ("sample", "draw"), quiet))

    def _checked(self, layer: Layer) -> dict[Path, Leaf]:
        return {path: kept for path, leaf in layer.items() if (kept := self._checked_leaf(path, leaf))}

    def _checked_leaf(self, path: Path, leaf: Leaf) -> Leaf | None:
        """What is kept of a leaf: a value that cannot be is told, and its setting is still one that the file gives."""
        unknown, wrong = _key_problem(path), _value_problem(path, leaf)
        if unknown or wrong:
            self.faults.add(leaf.place, unknown or wrong or "")
        if unknown:
            return None
        return replace(leaf, value=_STAND_IN) if wrong and path in _MOST else leaf


def _key_problem(path: Path) -> str | None:
    """Why a setting cannot be called like this, or None."""
    name = dotted(path)
    if path[0] == "config":
        return None if len(path) > 1 and all(path) else "config: a key of the config file is `config.KEY`"
    if path[0] in RESERVED:
        return f"`{name}` cannot be a setting: `{path[0]}` has a meaning of its own"
    rule = "letters, digits and _, not a digit first; dots may join several"
    return None if _NAME.fullmatch(name) else f"`{name}` cannot be the name of a setting; use {rule}"


def _value_problem(path: Path, leaf: Leaf) -> str | None:
    if path in _MOST:
        least = 0 if path == ("seed",) else 1
        if type(leaf.value) is not int or leaf.value < least:
            return f"{leaf.name}: expected an integer of {least} or more, found {describe(leaf.value)}"
        most = _MOST[path]
        return f"{leaf.name}: must be at most {most:,.0f}, is {leaf.value}" if leaf.value > most else None
    return next((f"{leaf.name}: expected a finite number, found {one}" for one in _not_finite(leaf.value)), None)


def _not_finite(value: Any) -> Iterator[float]:
    if isinstance(value, float) and not math.isfinite(value):
        yield value
    for inner in value.values() if isinstance(value, Mapping) else value if isinstance(value, list) else ():
        yield from _not_finite(inner)


def _flat(section: Mapping[str, Any], before: Path = ()) -> Iterator[tuple[Path, Any]]:
    for key, value in section.items():
        path = (*before, *key.split("."))
        if isinstance(value, Mapping) and value:
            yield from _flat(value, path)
        else:
            yield path, value


def _at(data: Any, at: At) -> Any:
    for key in at:
        inside = key in data if isinstance(data, Mapping) else isinstance(data, list) and isinstance(key, int)
        if not inside:
            return None
        data = data[key]
    return data
