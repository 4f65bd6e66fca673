"""A run of somebody else's command: its typed settings, what one attempt of it is, and its identity. Pure.

What can be wrong with it is told by `sweeps.command_checks`.
"""

from __future__ import annotations

import hashlib
import itertools
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from db.declared import Declared, DeclaredFile
from db.strict import Fault, Invalid, require_positive, to_data, to_record
from sweeps.config_file import canonical, suffix_of
from sweeps.filling import filled_config, filled_env, filled_success, told
from sweeps.template import fill_argv, placeholders, values_of_their_own

ATTEMPT_PLACEHOLDERS = ("out", "config", "batch", "accum", "python", "run", "attempt")
MOST_LETTERS = 60
"""Of a command's name: run ids begin with it, and files are named after them."""
_NO_TEXT_HOLDS = "\ud800"
"""Half a character: with it before them, placeholders are told from texts that only look like them."""
_SCRIPTS = (".py", ".sh")


@dataclass(frozen=True, kw_only=True)
class ConfigSection:
    """`command.config` as it stands in a sweep file."""

    base: str
    set: Mapping[str, Any] = field(default_factory=dict)
    new: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class CommandSection:
    """`command` as it stands in a sweep file; a bare list is its `argv`."""

    argv: tuple[str, ...]
    name: str | None = None
    cwd: str | None = None
    env: Mapping[str, str] = field(default_factory=dict)
    config: ConfigSection | None = None


@dataclass(frozen=True, kw_only=True)
class ConfigTemplate:
    """A config file of theirs and what is rewritten in each copy of it.

    `written` is the base as the sweep file has it, placeholders and all; `base` is the absolute path it stands for in
    this run, and `content` what was read there. `set` holds the templates of the dotted keys that are rewritten, and
    `held` the values of those that settings called `config.KEY` rewrite, which are never read as templates. Keys in
    `new` need not exist in the content, and may change their type.
    """

    written: str
    base: str
    content: Mapping[str, Any]
    set: Mapping[str, Any]
    held: Mapping[str, Any] = field(default_factory=dict)
    new: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class CommandSettings:
    """Everything that makes a command's run the run it is, with its placeholders.

    `cwd`, where it is started, is absolute and leads through no link: the same relative script elsewhere is another.
    `settings` holds every setting by its dotted name but `config.KEY`, `batch` (the effective one), `steps` and `seed`.
    `success` is as in the sweep file, each file with its keys.
    """

    name: str
    argv: tuple[str, ...]
    cwd: str
    env: Mapping[str, str] = field(default_factory=dict)
    config: ConfigTemplate | None = None
    success: Mapping[str, Any] = field(default_factory=dict)
    settings: Mapping[str, Any] = field(default_factory=dict)
    batch: int | None = None
    steps: int | None = None
    seed: int | None = None

    def __post_init__(self) -> None:
        require_positive(self, *(key for key in ("batch", "steps") if getattr(self, key) is not None))

    @property
    def effective_batch(self) -> int:
        """1 where the sweep file names none."""
        return self.batch or 1

    @property
    def handed_over(self) -> frozenset[str]:
        """The placeholders by which the command learns something."""
        return placeholders(self._told)

    @property
    def _told(self) -> list[Any]:
        return [*self.argv, *self.env.values(), *(self.config.set.values() if self.config else ())]

    @property
    def must_ask(self) -> bool:
        """Whether the command can know its batch by `report.batch()` only."""
        by_hand = {"batch", "accum"} & self.handed_over
        return self.batch is not None and self.success.get("report") is True and not by_hand

    @property
    def why_indivisible(self) -> str | None:
        """Why an out-of-memory cannot be answered with half the batch; None where it can.

        A label such as `run-{accum}` tells the command of no accumulation: it would train another experiment.
        """
        if self.batch is None:
            return "the sweep file names no `batch`, so there is none to halve"
        missing = [name for name in ("batch", "accum") if name not in values_of_their_own(self._told)]
        if not missing or self.must_ask:
            return None
        told = " and ".join(f"{{{name}}}" for name in missing)
        within = " as a value of its own" if self.handed_over & set(missing) else ""
        return f"nothing hands over {told}{within}, so half the batch would be another experiment"


@dataclass(frozen=True, kw_only=True)
class AttemptValues:
    """What the placeholders of one attempt stand for: `batch` is the micro batch, `attempt` the attempt's number."""

    out: str
    config: str
    batch: int
    accum: int
    python: str
    run: str
    attempt: int


@dataclass(frozen=True, kw_only=True)
class Rendered:
    """One attempt, nothing left to fill in. `config` is what the copy holds, `watched` are absolute patterns."""

    argv: tuple[str, ...]
    env: Mapping[str, str]
    config: Mapping[str, Any] | None
    config_suffix: str
    declared: Declared
    steps: int | None
    watched: tuple[str, ...]


def render(settings: CommandSettings, values: AttemptValues) -> Rendered:
    """What the attempt runs, and what makes it a success.

    Raises:
        Invalid: every fault at its path in the sweep file.
    """
    known = known_values(settings, asdict(values))
    parts, faults = _filled(settings, known)
    declared = told(faults, ("success",), lambda: to_record(Declared, parts["success"])) if not faults else None
    if declared is None:
        raise Invalid(faults)
    return Rendered(
        argv=parts["argv"],
        env=parts["env"],
        config=parts["config"],
        config_suffix=suffix_of(settings.config.base) if settings.config else "",
        declared=declared,
        steps=settings.steps,
        watched=tuple(file.path for file in declared.files),
    )


def known_values(settings: CommandSettings, attempt: Mapping[str, Any]) -> dict[str, Any]:
    """Everything that a placeholder of this run can stand for; `attempt` says what those of an attempt do."""
    numbers = {"effective_batch": settings.batch, "steps": settings.steps, "seed": settings.seed}
    nowhere = (*(() if settings.batch else ("batch", "accum")), *(() if settings.config else ("config",)))
    return {
        **settings.settings,
        **{name: value for name, value in attempt.items() if name not in nowhere},
        **{name: number for name, number in numbers.items() if number is not None},
    }


def described(settings: CommandSettings, mark: str = "") -> dict[str, Any]:
    """All that makes the run, ready for JSON: placeholders of an attempt stand for themselves, behind the `mark`.

    Raises:
        Invalid: every fault at its path in the sweep file.
    """
    known = known_values(settings, {name: f"{mark}{{{name}}}" for name in ATTEMPT_PLACEHOLDERS})
    parts, faults = _filled(settings, known)
    if faults:
        raise Invalid(faults)
    parts["success"] = _spelled_out(parts["success"])
    numbers = {"batch": settings.batch, "steps": settings.steps, "seed": settings.seed}
    return {"name": settings.name, "cwd": settings.cwd, **canonical(parts, mark), **numbers}


def command_run_id(settings: CommandSettings) -> str:
    """`<name>-<12 hex digits>`: the same command in the same folder is the same run, wherever its config file lies.

    Raises:
        Invalid: every fault at its path in the sweep file.
    """
    what = described(settings, mark=_NO_TEXT_HOLDS)
    text = json.dumps(what, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return f"{settings.name}-{hashlib.sha256(text.encode()).hexdigest()[:12]}"


def _filled(settings: CommandSettings, known: Mapping[str, Any]) -> tuple[dict[str, Any], list[Fault]]:
    """`argv`, `env`, `config` and `success` without a placeholder, and what is wrong with them."""
    faults: list[Fault] = []
    config = settings.config
    return {
        "argv": told(faults, ("command", "argv"), lambda: fill_argv(settings.argv, known)),
        "env": told(faults, ("command", "env"), lambda: filled_env(settings.env, known)),
        "config": config
        and told(
            faults,
            ("command", "config", "set"),
            lambda: filled_config(config.content, config.set, config.held, config.new, known),
        ),
        "success": told(faults, ("success",), lambda: filled_success(settings.success, known, settings.cwd)),
    }, faults


def _spelled_out(success: Mapping[str, Any]) -> dict[str, Any]:
    """With every default, so that one that is written down makes no other run."""
    whole = {**to_data(Declared()), **success}
    files = whole["files"]
    return {**whole, "files": [_spelled_out_file(file) for file in files] if isinstance(files, list) else files}


def _spelled_out_file(file: Any) -> Any:
    path = file.get("path") if isinstance(file, Mapping) else None
    if not isinstance(path, str):  # no file at all, which whoever reads it as a `Declared` will tell
        return file
    plain = DeclaredFile(path=path)
    metrics = file.get("metrics", {})
    whole = {
        **to_data(plain),
        **file,
        "format": file.get("format") or plain.kind,
        "metrics": {name: name for name in metrics} if isinstance(metrics, list) else metrics,
    }
    if not whole["open_end"]:
        del whole["open_end"]  # it came later than the others, and runs that succeeded before keep their names
    return whole


def default_name(argv: Sequence[str]) -> str:
    """What a command is called where its sweep file does not say: `train` of `[python, train.py, ...]`."""
    words = [word for part in argv for word in part.split()]  # of the text after a shell's -c too
    scripts = [word for word in words if word.endswith(_SCRIPTS)]
    modules = [after for part, after in itertools.pairwise(argv) if part == "-m"]
    for text in (*scripts[:1], *modules[:1], *argv[:1]):
        last = text.rsplit("/", 1)[-1].removesuffix(".py").removesuffix(".sh")
        name = last.rsplit(".", 1)[-1] if text in modules else last
        if not placeholders(name) and (cleaned := re.sub(r"[^A-Za-z0-9_.-]", "", name).lstrip(".-")):
            return cleaned[:MOST_LETTERS]
    return "command"
