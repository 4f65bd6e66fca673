"""The keys of a sweep file, and which of its profiles holds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from db.errors import Refused
from db.strict import Invalid, describe, nearest, require_positive, to_record
from sweeps.command import CommandSection
from sweeps.command_section import A_LIST_OF_WORDS, read_command
from sweeps.layers import At, Faults, dotted
from sweeps.yaml_file import Located, Place

Section = Mapping[str, Any]
Sections = Mapping[str, Section | None]


NO_PROFILES = "the file has no profiles"


@dataclass(frozen=True, kw_only=True)
class ProfileChoice:
    """The profile where there is a GPU, and where there is none."""

    gpu: str | None = None
    cpu: str | None = None


@dataclass(frozen=True, kw_only=True)
class Profile:
    """Settings laid over those of the file."""

    data: Section | None = None
    train: Section | None = None
    tasks: Sections | None = None
    backbones: Sections | None = None
    resources: Section | None = None
    slurm: Section | None = None
    settings: Section | None = None


@dataclass(frozen=True, kw_only=True)
class SampleSection:
    """How many points, chosen by chance; `draw` holds laws of chance by setting."""

    runs: int
    seed: int = 0
    draw: Section = field(default_factory=dict)

    def __post_init__(self) -> None:
        require_positive(self, "runs")


@dataclass(frozen=True, kw_only=True)
class SweepFile:
    """A sweep file's sections; the settings in them are checked one by one, see `sweeps.checks`."""

    name: str | None = None
    command: CommandSection | None = None
    success: Section = field(default_factory=dict)
    settings: Section = field(default_factory=dict)
    profile: ProfileChoice | str | None = None
    plugins: tuple[str, ...] = ()
    tasks: tuple[str, ...] | Sections = ()
    backbones: Sections = field(default_factory=dict)
    grid: Section = field(default_factory=dict)
    zip: Section | tuple[Section, ...] = ()
    when: tuple[Section, ...] = ()
    exclude: tuple[Section, ...] = ()
    sample: SampleSection | None = None
    runs: tuple[Section, ...] = ()
    seeds: int | tuple[int, ...] | None = None
    data: Section = field(default_factory=dict)
    train: Section = field(default_factory=dict)
    resources: Section = field(default_factory=dict)
    policy: Section = field(default_factory=dict)
    memory: Section = field(default_factory=dict)
    slurm: Section = field(default_factory=dict)
    profiles: Mapping[str, Profile | None] = field(default_factory=dict)
    on_end: tuple[str, ...] = ()


def read_sweep_file(located: Located, faults: Faults) -> SweepFile:
    """The sections that can be read; the others are told and left out. A key without a value is as if not there.

    Raises:
        Refused: the file does not hold keys and values at all.
    """
    if not isinstance(located.data, Mapping):
        raise Refused(f"{located.place(())}: expected keys and values, found {describe(located.data)}")
    data = {key: value for key, value in located.data.items() if value is not None}
    if isinstance(data.get("on_end"), str):
        faults.add(located.place(("on_end",)), f"on_end: {A_LIST_OF_WORDS}")
        del data["on_end"]
    data.pop("command", None)
    command = read_command(located, faults)
    try:
        return replace(to_record(SweepFile, data), command=command)
    except Invalid as invalid:
        faults.add_invalid(invalid, lambda at: (located.place(at), dotted(at)))
        wrong = {fault.path[0] for fault in invalid.faults}
        readable = {key: value for key, value in data.items() if key not in wrong}
        return replace(to_record(SweepFile, readable), command=command)


OF_TRAININGS = ("tasks", "backbones", "data", "train", "plugins", "memory")
OF_COMMANDS = ("success", "settings")


def refuse_mixtures(located: Located, faults: Faults) -> None:
    """A sweep is of trainings or of a command; what belongs to the other kind would be ignored."""
    data = located.data
    is_command = data.get("command") is not None
    sections: list[tuple[At, Any]] = [((), data)]
    for name, profile in data["profiles"].items() if isinstance(data.get("profiles"), Mapping) else ():
        sections.append((("profiles", name), profile))
    for at, section in sections:
        for key in (OF_TRAININGS if is_command else OF_COMMANDS) if isinstance(section, Mapping) else ():
            if section.get(key) is not None:
                why = "is for backbones, and this file has a `command`" if is_command else "belongs to a `command`"
                faults.add(located.place((*at, key)), f"{dotted((*at, key))}: {why}; a sweep has one or the other")


@dataclass(frozen=True, kw_only=True)
class Host:
    """Whether this host has a GPU, and whether the sweep leaves it `unused` (`resources.gpus: none`).

    Of a `cluster`, whether an attempt asks it for one.
    """

    has_gpu: bool
    unused: bool = False
    cluster: bool = False

    @property
    def uses_gpu(self) -> bool:
        return self.has_gpu and not self.unused

    @property
    def told(self) -> str:
        if self.cluster:
            return "a GPU is asked of Slurm" if self.uses_gpu else "no GPU is asked of Slurm (slurm.gres)"
        return "a GPU is here" if self.uses_gpu else "resources.gpus is none" if self.has_gpu else "no GPU here"


def choose_profile(
    file: SweepFile, asked: str | None, host: Host, located: Located, faults: Faults
) -> tuple[str | None, str]:
    """The name of the profile that holds, and the sentence that says why."""
    for name, place in _named(file, asked, located):
        if name not in file.profiles:
            faults.add(place, f"there is no profile `{name}`{nearest(name, file.profiles)}")
    if asked is not None:
        return asked, f"the profile is {asked}, as asked for with --profile"
    if isinstance(file.profile, str):
        return file.profile, f"the profile is {file.profile}; --profile NAME chooses another"
    choice = file.profile or ProfileChoice()
    chosen, other = (choice.gpu, choice.cpu) if host.uses_gpu else (choice.cpu, choice.gpu)
    here = host.told
    if chosen is None:
        known = f"; --profile NAME chooses one of {', '.join(sorted(file.profiles))}" if file.profiles else ""
        return None, f"{here}, and the file names no profile for that{known}" if known else NO_PROFILES
    insist = f"; --profile {other} insists" if other not in (None, chosen) else ""
    return chosen, f"{here}, so the profile is {chosen}{insist}"


def _named(file: SweepFile, asked: str | None, located: Located) -> list[tuple[str, Place]]:
    """Every profile that is named, and where."""
    if isinstance(file.profile, str):
        named = [(file.profile, located.place(("profile",)))]
    else:
        choice = file.profile or ProfileChoice()
        pairs = (("gpu", choice.gpu), ("cpu", choice.cpu))
        named = [(name, located.place(("profile", key))) for key, name in pairs if name is not None]
    return named if asked is None else [*named, (asked, Place("--profile"))]
