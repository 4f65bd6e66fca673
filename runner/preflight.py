"""What has to be known of every candidate before anything is launched, answered by a process that has torch.

The question and the answer are JSON files; the scheduler never imports torch itself. All problems of all candidates are
found at once, each with the path of the key that causes it.
"""

from __future__ import annotations

import json
import sys
import traceback
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path as FilePath
from typing import Any, TypeVar

import torch

import backbones.registry
import tasks.registry
from db.errors import DataError, Refused, RunnerError
from db.strict import Invalid, Path, nearest, to_data, to_record
from runner.checked import Answer, Asked, Checked, Problem, Question
from runner.code import code_fingerprint, declared_at
from runner.model import Model
from sweeps.settings import DataSettings, TrainSettings
from tasks.data.known_systems import known_systems
from tasks.interface import System

T = TypeVar("T")

_RAISED_BY_MODELS = (ArithmeticError, AssertionError, AttributeError, LookupError, NameError, OSError, RuntimeError)
_CONSTRUCTION_ERRORS = (*_RAISED_BY_MODELS, RunnerError, TypeError, ValueError)


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
    except BaseException as error:  # noqa: BLE001 - the outermost: foreign code ran here, and may raise anything
        answer = Answer(fault=_described(error))
    answered.write_text(json.dumps(to_data(answer)), encoding="utf-8")
    return 0


def _described(error: BaseException) -> str:
    last = traceback.extract_tb(error.__traceback__)[-1]
    return f"{''.join(traceback.format_exception_only(error)).strip()} ({last.filename}:{last.lineno})"


def check_all(candidates: Iterable[Asked]) -> list[Checked]:
    """Check each candidate; those that differ in their seed only are checked once."""
    known: dict[str, Checked] = {}
    return [_once(known, candidate) for candidate in candidates]


def _once(known: dict[str, Checked], candidate: Asked) -> Checked:
    key = json.dumps({**to_data(candidate), "seed": 0}, sort_keys=True)
    if key not in known:
        known[key] = check(candidate)
    return known[key]


def check(candidate: Asked) -> Checked:
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
    model = _model(candidate, backbone, known, data, systems, problems)
    if model is None:
        return Checked(problems=tuple(problems))
    return Checked(
        backbone_config=to_data(backbone.config),
        tasks={name: to_data(head.config) for name, head in known.items()},
        required_metrics=tuple(f"{name}.{head.kind.metric}" for name, head in known.items()),
        parameters=sum(parameter.numel() for parameter in model.parameters()),
        couples_samples=model.backbone.couples_samples,
        code_fingerprint=code_fingerprint([backbone.kind, *(head.kind for head in known.values())], plugins),
    )


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
    try:
        kind = backbones.registry.load(name, plugins)
    except Refused as refused:
        problems.append(Problem(path=("backbone",), message=str(refused)))
        return None
    config = _read(kind.Config, candidate.backbone_config, ("backbones", name), problems)
    return None if config is None else Part(kind, config)


def _task(name: str, data: Mapping[str, Any], plugins: Sequence[FilePath], problems: list[Problem]) -> Part | None:
    try:
        kind = tasks.registry.load(name, plugins)
    except Refused as refused:
        problems.append(Problem(path=("tasks", name), message=str(refused)))
        return None
    config = _read(kind.Config, data, ("tasks", name), problems)
    return None if config is None else Part(kind, config)


def _systems(data: DataSettings | None, problems: list[Problem]) -> tuple[System, ...]:
    """The systems of the data, as far as the metadata tells."""
    if data is None:
        return ()
    try:
        systems = known_systems(data)
    except DataError as error:
        key = "folder" if data.folder else "simulation"
        problems.append(Problem(path=("data", key), message=str(error)))
        return ()
    known = [system.id for system in systems]
    for index, wanted in enumerate(data.systems):
        if wanted not in known:
            message = f"there is no Dataset_id {wanted}{nearest(wanted, map(str, known))}"
            problems.append(Problem(path=("data", "systems", index), message=message))
    return tuple(system for system in systems if not data.systems or system.id in data.systems)


def _model(
    candidate: Asked,
    backbone: Part,
    heads: Mapping[str, Part],
    data: DataSettings,
    systems: Sequence[System],
    problems: list[Problem],
) -> Model | None:
    """Build the model without memory for its parameters."""
    place: Path = ("backbones", candidate.backbone)
    built = {}
    try:
        with torch.device("meta"):
            body = backbone.kind(backbone.config, window=data.window)
            for name, head in heads.items():
                place = ("tasks", name)
                built[name] = head.kind(head.config, width=body.width, systems=tuple(systems))
            return Model(body, built)
    except _CONSTRUCTION_ERRORS as error:
        problems.append(Problem(path=place, message=f"cannot be built: {_told(error)}"))
    return None


def _told(error: Exception) -> str:
    """The error with the line that raised it: the innermost one that is not torch's."""
    theirs = str(FilePath(torch.__file__).parent)
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if not frame.filename.startswith(theirs)]
    text = "".join(traceback.format_exception_only(error)).strip()
    return f"{text} ({FilePath(frames[-1].filename).name}:{frames[-1].lineno})"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
