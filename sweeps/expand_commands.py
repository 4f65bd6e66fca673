"""A command's settings into the runs that they ask for. Reads the config files that are copied."""

from __future__ import annotations

import json
import os.path
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path as FilePath
from typing import Any

from db.strict import Invalid
from sweeps.asked import Draft, Point, refuse_twins
from sweeps.command import (
    CommandSection,
    CommandSettings,
    ConfigSection,
    ConfigTemplate,
    command_run_id,
    default_name,
    known_values,
)
from sweeps.command_checks import check_command
from sweeps.config_file import read_config
from sweeps.filling import spelled_files
from sweeps.labels import labels
from sweeps.layers import At, Faults, Layer, Leaf, Path, absolute, dotted, find, overlay
from sweeps.problem import Problem
from sweeps.spread import spread
from sweeps.success_checks import shared_files
from sweeps.sweep_file import SweepFile
from sweeps.template import fill_text, placeholders
from sweeps.yaml_file import Located, Place

_NUMBERS = ("batch", "steps", "seed")
_NOT_OF_RUNS = ("resources", "policy", "slurm", "name")


@dataclass(frozen=True, kw_only=True)
class CommandCandidate:
    """A run of a command as asked for."""

    label: str
    settings: CommandSettings
    point: Point = field(repr=False, compare=False)
    layers: tuple[Layer, ...] = field(repr=False, compare=False)
    """What it was made from, the strongest first."""


def expand_commands(
    draft: Draft, file: SweepFile, command: CommandSection, folder: FilePath, located: Located, faults: Faults
) -> tuple[CommandCandidate, ...]:
    """Every run once, the grid's before the explicit ones. What is wrong goes into `faults`."""
    if placeholders(command.cwd):
        message = "takes no placeholders; it is one folder for the whole sweep"
        faults.add(located.place(("command", "cwd")), f"command.cwd: {message}")
        return ()
    reader = _Reader(draft, file, command, folder, located, faults)
    found = [one for point in spread(draft.asked, reader, faults) if (one := reader.candidate(point))]
    unique = _without_twins(found, draft, faults, _as_written)
    for one in unique:
        reader.tell(one, check_command(one.settings, reader.refused))
    if unique and not faults:
        reader.tell(unique[0], shared_files([one.settings for one in unique]))
        unique = _without_twins(unique, draft, faults, lambda one: command_run_id(one.settings), _FILLED)
    names = labels([(one.settings.name, one.point.leaves) for one in unique])
    return tuple(replace(one, label=name) for one, name in zip(unique, names, strict=True))


def place_of(candidate: CommandCandidate, path: At, located: Located) -> Place:
    """Where the file, or the command line, says what stands at `path`, which is a path in a sweep file.

    A setting is at `("settings", NAME)`; a key of the config file that a setting rewrites is where the setting is.
    """
    hit = _setting_at(candidate, path)
    if hit:
        return hit.place
    bare = isinstance(located.data.get("command"), list) and path[:2] == ("command", "argv")
    return located.place(("command", *path[2:]) if bare else path)


def _setting_at(candidate: CommandCandidate, path: At) -> Leaf | None:
    """The setting that stands at a path of the sweep file, if one does."""
    if path[:1] in (("command",), ("success",)):
        setting: At = ("config", *path[3:]) if path[:3] == ("command", "config", "set") and path[3:] else ()
    else:
        setting = path[1:] if path[:1] == ("settings",) else path
    parts = tuple(part for key in setting for part in str(key).split("."))
    hit = find(candidate.layers, parts)
    return hit[0] if hit else None


class _Reader:
    """Makes candidates of points; each config file is read once."""

    def __init__(
        self,
        draft: Draft,
        file: SweepFile,
        command: CommandSection,
        folder: FilePath,
        located: Located,
        faults: Faults,
    ) -> None:
        self.below = overlay(draft.file, draft.profile)
        self.above = draft.command_line
        self.refused = frozenset(map(dotted, draft.asked.refused))
        self.success = spelled_files(file.success)
        self.command = command
        self.cwd = os.path.realpath(absolute(command.cwd or ".", folder))
        self.located = located
        self.faults = faults
        self.contents: dict[str, Mapping[str, Any] | None] = {}

    def value(self, leaves: Layer, path: Path) -> Leaf | None:
        """The setting that holds at a point, whichever layer gives it; None where none does."""
        return self.above.get(path) or leaves.get(path) or self.below.get(path)

    def concerns(self, leaves: Layer, path: Path) -> bool:
        """Every setting may be used by a placeholder, whatever the others are."""
        return bool(leaves or path)

    def effect(self, leaves: Layer) -> Layer:
        """What a point sets: nothing that the command line sets otherwise."""
        return {path: leaf for path, leaf in leaves.items() if path not in self.above}

    def candidate(self, point: Point) -> CommandCandidate | None:
        own = self.effect(point.leaves)
        held = {
            path: leaf.value
            for path, leaf in overlay(self.below, own, self.above).items()
            if path[0] not in _NOT_OF_RUNS
        }
        free = {dotted(path): value for path, value in held.items() if path[0] != "config"}
        plain = CommandSettings(
            name=self.command.name or default_name(self.command.argv),
            argv=self.command.argv,
            cwd=self.cwd,
            env=self.command.env,
            success=self.success,
            settings={name: value for name, value in free.items() if name not in _NUMBERS},
            **{name: free.get(name) for name in _NUMBERS},
        )
        layers = self.above, own, self.below
        made = CommandCandidate(label="", settings=plain, point=replace(point, leaves=own), layers=layers)
        keys = {dotted(path[1:]): value for path, value in held.items() if path[0] == "config"}
        return self._with_config(made, keys)

    def _with_config(self, made: CommandCandidate, keys: Mapping[str, Any]) -> CommandCandidate | None:
        section = self.command.config
        if section is None:
            message = "there is no config file to rewrite; add `command.config.base`"
            self.tell(made, [Problem(("settings", f"config.{key}"), message) for key in keys])
            return None if keys else made
        twice = [Problem(("settings", f"config.{key}"), _TWICE) for key in keys if key in section.set]
        self.tell(made, twice)
        template = None if twice else self._template(made, section, keys)
        return replace(made, settings=replace(made.settings, config=template)) if template else None

    def _template(
        self, made: CommandCandidate, section: ConfigSection, keys: Mapping[str, Any]
    ) -> ConfigTemplate | None:
        if placeholders(section.base) & self.refused:
            return None
        try:
            base = absolute(fill_text(section.base, known_values(made.settings, {})), FilePath(self.cwd))
            if base not in self.contents:
                self.contents[base] = None
                self.contents[base] = read_config(base)
        except Invalid as invalid:
            at = ("command", "config", "base")
            self.tell(made, [Problem(at, fault.message) for fault in invalid.faults])
            return None
        content = self.contents[base]
        if content is None:
            return None
        return ConfigTemplate(
            written=section.base, base=base, content=content, set=section.set, held=keys, new=section.new
        )

    def tell(self, made: CommandCandidate, problems: list[Problem]) -> None:
        for problem in problems:
            hit = _setting_at(made, problem.path)
            name = hit.name if hit else dotted(problem.path)
            self.faults.add(place_of(made, problem.path, self.located), f"{name}: {problem.message}")


_TWICE = "`command.config.set` rewrites this key already; leave one of them out"


_FILLED = " once everything is filled in, although it is written otherwise"


def _as_written(one: CommandCandidate) -> str:
    mine = one.settings
    config = [mine.config.base, mine.config.held] if mine.config else None
    return json.dumps([mine.settings, mine.batch, mine.steps, mine.seed, config], sort_keys=True)


def _without_twins(
    found: list[CommandCandidate],
    draft: Draft,
    faults: Faults,
    key: Callable[[CommandCandidate], str],
    why: str = "",
) -> list[CommandCandidate]:
    """Each run once; twins are refused, but the command line and chance may make two runs equal."""
    first: dict[str, CommandCandidate] = {}
    for one in found:
        known = first.setdefault(key(one), one)
        if known is not one and not draft.asked.changed and not (known.point.drawn and one.point.drawn):
            refuse_twins(known.point, one.point, faults, why)
    return list(first.values())
