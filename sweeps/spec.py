"""A sweep file, read strictly into a `SweepSpec`: every fault is told at once, each with its place."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TypeVar

from db.strict import Invalid, describe, to_record
from sweeps.asked import Asked, Draft
from sweeps.commands import Commands
from sweeps.conditions import require_known
from sweeps.expand import Candidate
from sweeps.expand_commands import CommandCandidate, place_of
from sweeps.layers import At, Faults, Layer, Leaf, dotted, find, nested, overlay
from sweeps.overrides import apply_overrides, read_overrides
from sweeps.points import checked, read_asked
from sweeps.reading import Reading
from sweeps.settings import Memory, Policy, Resources
from sweeps.slurm import Slurm
from sweeps.sweep_file import Host, SweepFile, choose_profile, read_sweep_file, refuse_mixtures
from sweeps.trainings import Trainings
from sweeps.yaml_file import Located, Place, read_yaml

T = TypeVar("T")
_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,99}")
_GPUS = ("resources", "gpus")
_UP_TO = ("slurm", "memory_up_to")


@dataclass(frozen=True, kw_only=True)
class SweepSpec:
    """What a sweep asks for: trainings (`candidates`) or runs of a command (`commands`).

    `file` and `plugins` are absolute; `profile_reason` is a sentence for a person. `on_end` is run when it has ended.
    """

    name: str
    file: Path
    profile: str | None
    profile_reason: str
    plugins: tuple[Path, ...]
    resources: Resources
    policy: Policy
    memory: Memory
    slurm: Slurm
    candidates: tuple[Candidate, ...]
    commands: tuple[CommandCandidate, ...] = ()
    on_end: tuple[str, ...] = ()
    source: Located = field(repr=False, compare=False)

    def place(self, candidate: Candidate | CommandCandidate, path: At) -> str:
        """Where the setting at `path` of a candidate was given: `file:line:column`, or `command line`.

        Paths are those of the file: `("backbones", "timesnet", "e_layer")`, `("tasks", "signal_prediction")`,
        `("backbone",)`, `("train", "lr")`. A setting that was not given has the place of what asked for it.
        """
        if isinstance(candidate, CommandCandidate):
            return str(place_of(candidate, path, self.source))
        hit = find(candidate.layers, path)
        if hit is None and path[:1] == ("backbones",):
            hit = find(candidate.layers, ("backbone",))
        return str(hit[0].place if hit else self.source.place(path))


def read_sweep(
    path: Path,
    overrides: Sequence[str] = (),
    *,
    profile: str | None = None,
    gpus: int | None,
    cluster: bool = False,
    known_kinds: Collection[str] = (),
) -> SweepSpec:
    """Read and expand a sweep file. Imports no backbone and no task.

    `overrides` are `key=value` from the command line, `profile` its `--profile`; `gpus` are how many the host has, None
    where its driver does not say. Of a `cluster` the file tells whether it gives one. `known_kinds` are the failure
    kinds that `policy.retries` may name (none: not checked).

    Raises:
        Refused: with one line for each thing wrong.
    """
    faults = Faults()
    located = read_yaml(path)
    file = read_sweep_file(located, faults)
    given = read_overrides(overrides, faults)
    refuse_mixtures(located, faults)
    if file.command is None and located.data.get("command") is not None:
        faults.stop()  # what cannot be read is no command, and everything else speaks of it
    words = (Trainings if file.command is None else Commands)(
        file, located, path.absolute().parent, given, known_kinds, faults
    )
    spec = _Reader(path, located, file, words).spec(profile, gpus, cluster=cluster)
    faults.stop()
    return spec


class _Reader:
    """One reading of one file: its parts share the file, what it may say, and the faults."""

    def __init__(self, path: Path, located: Located, file: SweepFile, words: Trainings | Commands) -> None:
        self.path = path.absolute()
        self.located = located
        self.file = file
        self.words = words
        self.faults = words.faults

    def spec(self, asked_profile: str | None, gpus: int | None, *, cluster: bool) -> SweepSpec:
        words = self.words
        settings = words.section(())
        asked, everywhere = self._asked()
        host = self._host(overlay(settings, everywhere), gpus, cluster=cluster)
        profile, reason = choose_profile(self.file, asked_profile, host, self.located, self.faults)
        profiles = {name: words.section(("profiles", name)) for name in self.file.profiles}
        profiled = frozenset(path for layer in profiles.values() for path in layer)
        over = profiles.get(profile or "", {})
        layers = settings, over, everywhere
        draft = Draft(
            file=settings,
            profile=over,
            command_line={path: leaf for path, leaf in everywhere.items() if words.override_keys.of_runs(path)},
            asked=replace(asked, profiled=profiled),
            place=self.located.place(()),
        )
        resources = self._typed(Resources, "resources", *layers)
        slurm = self._typed(Slurm, "slurm", *layers)
        self._require_gpus(resources, gpus, overlay(*layers))
        self._require_growth(resources, slurm, overlay(*layers))
        require_known(asked, {*settings, *profiled, *everywhere, *words.defaults}, self.faults)
        return SweepSpec(
            name=self._name(everywhere),
            file=self.path,
            profile=profile,
            profile_reason=reason,
            plugins=words.plugins,
            resources=resources,
            policy=self._typed(Policy, "policy", *layers),
            memory=self._typed(Memory, "memory", *layers),
            slurm=slurm,
            candidates=words.candidates(draft) if isinstance(words, Trainings) else (),
            commands=words.candidates(draft) if isinstance(words, Commands) else (),
            on_end=self.file.on_end,
            source=self.located,
        )

    def _host(self, settings: Layer, gpus: int | None, *, cluster: bool) -> Host:
        """As the profile is chosen by it, so by what stands outside of profiles."""
        asked = settings.get(_GPUS)
        unused = asked is not None and asked.value == "none"
        if not cluster:
            return Host(has_gpu=gpus != 0, unused=unused)
        wanted = asked is not None and isinstance(asked.value, int)
        gives = wanted or self._typed(Slurm, "slurm", settings).asks_for_gpu
        return Host(has_gpu=gives, unused=unused, cluster=True)

    def _asked(self) -> tuple[Asked, dict[tuple[str, ...], Leaf]]:
        """What is asked for, and what the command line sets everywhere."""
        words = self.words
        read = read_asked(self.file, Reading(located=self.located, keys=words.run_keys, faults=self.faults))
        asked, everywhere = apply_overrides(read, words.given, words.override_keys, self.faults)
        return checked(words.with_points(asked), words.run_keys), words.everywhere(everywhere)

    def _name(self, everywhere: Layer) -> str:
        given = everywhere.get(("name",))
        name = given.value if given else self.path.stem if self.file.name is None else self.file.name
        if not (isinstance(name, str) and _NAME.fullmatch(name)):
            place = given.place if given else self.located.place(("name",))
            rule = "a sweep's name begins with a letter, digit or _, and holds only these, `.` and `-`"
            self.faults.add(place, f"name: {rule}; found {describe(name)}")
        return str(name)

    def _require_gpus(self, resources: Resources, there: int | None, settings: Layer) -> None:
        """Before anything is started: an attempt that takes more than there are would wait for ever."""
        wanted = resources.gpus if isinstance(resources.gpus, int) else 0
        place = _place_and_name(settings, _GPUS, self.located)[0]
        if wanted > 1 and isinstance(self.words, Trainings):
            self.faults.add(place, f"resources.gpus: a backbone trains on one GPU; {wanted} are for a `command`")
        elif there is not None and wanted > there:
            seen = "none that it lets us see" if there == 0 else f"{there} that it lets us see"
            self.faults.add(
                place,
                f"resources.gpus: an attempt takes {wanted}, and this host has {seen} (nvidia-smi, "
                "CUDA_VISIBLE_DEVICES); `auto` takes one where there is any",
            )

    def _require_growth(self, resources: Resources, slurm: Slurm, settings: Layer) -> None:
        """More memory of a job moves no limit of our own."""
        if slurm.memory_up_to is not None and resources.memory is not None:
            place, name = _place_and_name(settings, _UP_TO, self.located)
            why = "`resources.memory` would end an attempt however much memory its job has; leave one of them out"
            self.faults.add(place, f"{name}: {why}")

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
