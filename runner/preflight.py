"""What has to be known of every candidate before anything is launched, answered by a process that has torch.

The question and the answer are JSON files; the scheduler never imports torch itself. All problems of all candidates are
found at once, each with the path of the key that causes it.
"""

from __future__ import annotations

import json
import sys
import traceback
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path as FilePath
from typing import Any, TypeVar

import torch

import backbones.registry
import tasks.registry
from db.errors import DataError, Refused
from db.strict import Invalid, Path, nearest, to_data, to_record
from runner.checked import Answer, Asked, Checked, Problem, Question
from runner.code import code_fingerprint, declared_at, shown_path
from runner.model import Model
from sweeps.settings import DataSettings, TrainSettings
from tasks.data.content import content
from tasks.data.known_systems import known_systems
from tasks.interface import System

T = TypeVar("T")
Digest = Callable[[str | None, str | None, tuple[int, ...]], str | None]


@dataclass(frozen=True)
class Part:
    """A backbone or task with its settings read."""

    kind: type[Any]
    config: Any


def main(arguments: Sequence[str]) -> int:
    """Answer the question in the first file into the second."""
    asked, answered = map(FilePath, arguments)
    question = to_record(Question, json.loads(asked.read_text(encoding="utf-8")))
    try:
        answer = Answer(candidates=tuple(check_all(question.candidates)))
    except BaseException as error:  # noqa: BLE001 - the outermost: whatever happened, there is an answer
        answer = Answer(fault=_told(error))
    answered.write_text(json.dumps(to_data(answer)), encoding="utf-8")
    return 0


@dataclass(frozen=True)
class _foreign:  # noqa: N801 - written as a word after `with`
    """Code of backbones and tasks runs in the block; whatever it raises, `SystemExit` too, becomes a problem."""

    place: Path
    doing: str
    problems: list[Problem]

    def __enter__(self) -> None:
        """Nothing to prepare."""

    def __exit__(self, _kind: object, error: BaseException | None, _trace: object) -> bool:
        if error is not None:
            spoken = isinstance(error, (Refused, DataError))
            message = str(error) if spoken else f"{self.doing}: {_told(error)}"
            self.problems.append(Problem(path=self.place, message=message))
        return error is not None


def check_all(candidates: Iterable[Asked]) -> list[Checked]:
    """Check each candidate; those that differ in their seed only are checked once."""
    known: dict[str, Checked] = {}
    digest = cache(content_digest)
    return [_once(known, candidate, digest) for candidate in candidates]


def _once(known: dict[str, Checked], candidate: Asked, digest: Digest) -> Checked:
    key = json.dumps({**to_data(candidate), "seed": 0}, sort_keys=True)
    if key not in known:
        known[key] = check(candidate, digest)
    return known[key]


def content_digest(folder: str | None, metadata: str | None, systems: tuple[int, ...]) -> str | None:
    """What stands for the content of these recordings; see `tasks.data.content`."""
    return content(DataSettings(folder=folder, metadata=metadata, systems=systems))


def check(candidate: Asked, digest: Digest = content_digest) -> Checked:
    """Find every problem of one candidate, or what the scheduler has to know of it."""
    problems = list(_missing_plugins(candidate))
    if problems:
        return Checked(problems=tuple(problems))
    plugins = tuple(map(FilePath, candidate.plugins))
    data = _read(DataSettings, candidate.data, ("data",), problems)
    _read(TrainSettings, candidate.train, ("train",), problems)
    systems = _systems(data, problems)
    backbone = _backbone(candidate, plugins, problems)
    heads = {name: _task(name, config, plugins, problems) for name, config in sorted(candidate.tasks.items())}
    if not candidate.tasks:
        problems.append(Problem(path=("tasks",), message="a run needs at least one task"))
    known = {name: head for name, head in heads.items() if head is not None}
    if problems or backbone is None or data is None:
        return Checked(problems=tuple(problems))
    found = _digest(data, digest, problems)
    model = _model(candidate, backbone, known, data, systems, problems)
    if model is None or problems:
        return Checked(problems=tuple(problems))
    with _foreign(("backbone",), "cannot be described", problems):
        return Checked(
            backbone_config=to_data(backbone.config),
            tasks={name: to_data(head.config) for name, head in known.items()},
            required_metrics=tuple(f"{name}.{head.kind.metric}" for name, head in known.items()),
            parameters=sum(parameter.numel() for parameter in model.parameters()),
            couples_samples=model.backbone.couples_samples,
            code_fingerprint=code_fingerprint([backbone.kind, *(head.kind for head in known.values())], plugins),
            data_digest=found,
        )
    return Checked(problems=tuple(problems))


def _missing_plugins(candidate: Asked) -> Iterator[Problem]:
    for index, folder in enumerate(candidate.plugins):
        if not FilePath(folder).is_dir():
            yield Problem(path=("plugins", index), message=f"there is no folder {FilePath(folder).absolute()}")


def _read(kind: type[T], data: Mapping[str, Any], place: Path, problems: list[Problem]) -> T | None:
    """Read settings, adding each fault to the problems; a missing key is told with the line that declares it."""
    try:
        return to_record(kind, data)
    except Invalid as invalid:
        for fault in invalid.faults:
            where = f", declared at {declared_at(kind)}" if fault.message.startswith("missing key") else ""
            problems.append(Problem(path=(*place, *fault.path), message=fault.message + where))
    return None


def _backbone(candidate: Asked, plugins: Sequence[FilePath], problems: list[Problem]) -> Part | None:
    name = candidate.backbone
    with _foreign(("backbone",), "cannot be imported", problems):
        kind = backbones.registry.load(name, plugins)
        return _part(kind, candidate.backbone_config, ("backbones", name), problems)
    return None


def _task(name: str, data: Mapping[str, Any], plugins: Sequence[FilePath], problems: list[Problem]) -> Part | None:
    with _foreign(("tasks", name), "cannot be imported", problems):
        kind = tasks.registry.load(name, plugins)
        part = _part(kind, data, ("tasks", name), problems)
        missing = [key for key in ("metric", "higher_is_better") if not hasattr(kind, key)]
        if missing:
            message = f"{kind.__name__} does not define {' and '.join(missing)}, declared at {declared_at(kind)}"
            problems.append(Problem(path=("tasks", name), message=message))
        return part
    return None


def _part(kind: type[Any], data: Mapping[str, Any], place: Path, problems: list[Problem]) -> Part | None:
    """Read the settings, and once more as the worker will: defaults included, from JSON."""
    with _foreign(place, "its Config cannot be read", problems):
        config = _read(kind.Config, data, place, problems)
        if config is None:
            return None
        if _read(kind.Config, json.loads(json.dumps(to_data(config))), place, problems) is not None:
            return Part(kind, config)
    return None


def _systems(data: DataSettings | None, problems: list[Problem]) -> tuple[System, ...]:
    """The systems of the data, as far as the metadata tells."""
    if data is None:
        return ()
    systems: tuple[System, ...] = ()
    with _foreign(("data", "folder" if data.folder else "simulation"), "cannot be read", problems):
        systems = known_systems(data)
    if not systems:
        return ()
    known = [system.id for system in systems]
    for index, wanted in enumerate(data.systems):
        if wanted not in known:
            message = f"there is no Dataset_id {wanted}{nearest(wanted, map(str, known))}"
            problems.append(Problem(path=("data", "systems", index), message=message))
    return tuple(system for system in systems if not data.systems or system.id in data.systems)


def _digest(data: DataSettings, digest: Digest, problems: list[Problem]) -> str | None:
    try:
        return digest(data.folder, data.metadata, data.systems)
    except DataError as error:
        problems.append(Problem(path=("data", "folder"), message=str(error)))
    return None


def _model(
    candidate: Asked,
    backbone: Part,
    heads: Mapping[str, Part],
    data: DataSettings,
    systems: Sequence[System],
    problems: list[Problem],
) -> Model | None:
    """Build the model without memory for its parameters."""
    body: Any = None
    built: dict[str, Any] = {}
    with torch.device("meta"):
        with _foreign(("backbones", candidate.backbone), "cannot be built", problems):
            body = backbone.kind(backbone.config, window=data.window)
            _ = body.width
        if body is None:
            return None
        for name, head in heads.items():
            with _foreign(("tasks", name), "cannot be built", problems):
                built[name] = head.kind(head.config, width=body.width, systems=tuple(systems))
        with _foreign(("backbones", candidate.backbone), "cannot be built", problems):
            return None if problems else Model(body, built)
    return None


def _told(error: BaseException) -> str:
    """The error with the line that raised it: the innermost one that is neither Python's nor torch's."""
    frames = traceback.extract_tb(error.__traceback__)
    shown = [frame for frame in frames if not _is_library(frame.filename)] or frames
    text = "".join(traceback.format_exception_only(error)).strip()
    return f"{text} ({shown_path(FilePath(shown[-1].filename))}:{shown[-1].lineno})"


def _is_library(file: str) -> bool:
    torchs, pythons = (str(FilePath(module.__file__ or "").parent) for module in (torch, traceback))
    return file.startswith(("<", torchs)) or (file.startswith(pythons) and "site-packages" not in file)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
