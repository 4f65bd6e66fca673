"""What has to be known of every candidate before anything is launched, answered by a process that has torch.

The question and the answer are JSON files; the scheduler never imports torch itself. All problems of all candidates are
found at once, each with the path of the key that causes it.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path as FilePath
from typing import Any, TypeVar

import torch

import backbones.registry
import tasks.registry
from db.errors import DataError
from db.strict import Invalid, Path, nearest, to_data, to_record
from runner.checked import Answer, Asked, Checked, Problem, Question
from runner.code import code_fingerprint, declared_at
from runner.foreign import foreign, told
from runner.model import Model
from runner.parts import Part, Parts, built
from runner.rehearsal import Rehearsed
from runner.rehearsals import Rehearsals, kept_in
from runner.shape import memory_shape
from sweeps.settings import DataSettings, TrainSettings
from tasks.data.channels import with_channels
from tasks.data.content import content
from tasks.data.known_systems import known_systems
from tasks.interface import System

T = TypeVar("T")
Digest = Callable[[str | None, str | None, tuple[int, ...]], str | None]


def main(arguments: Sequence[str]) -> int:
    """Answer the question in the first file into the second."""
    asked, answered = map(FilePath, arguments)
    question = to_record(Question, json.loads(asked.read_text(encoding="utf-8")))
    try:
        answer = Answer(candidates=tuple(check_all(question.candidates, Rehearsals(kept_in()))))
    except BaseException as error:  # noqa: BLE001 - the outermost: whatever happened, there is an answer
        answer = Answer(fault=told(error))
    answered.write_text(json.dumps(to_data(answer)), encoding="utf-8")
    return 0


def check_all(candidates: Iterable[Asked], rehearsals: Rehearsals) -> list[Checked]:
    """Check each candidate; those that differ in their seed only are checked once."""
    known: dict[str, Checked] = {}
    digest = cache(content_digest)
    return [_once(known, candidate, digest, rehearsals) for candidate in candidates]


def _once(known: dict[str, Checked], candidate: Asked, digest: Digest, rehearsals: Rehearsals) -> Checked:
    key = json.dumps({**to_data(candidate), "seed": 0}, sort_keys=True)
    if key not in known:
        known[key] = check(candidate, digest, rehearsals)
    return known[key]


def content_digest(folder: str | None, metadata: str | None, systems: tuple[int, ...]) -> str | None:
    """What stands for the content of these recordings; see `tasks.data.content`."""
    return content(DataSettings(folder=folder, metadata=metadata, systems=systems))


def check(candidate: Asked, digest: Digest = content_digest, rehearsals: Rehearsals | None = None) -> Checked:
    """Find every problem of one candidate, or what the scheduler has to know of it."""
    problems = list(_missing_plugins(candidate))
    if problems:
        return Checked(problems=tuple(problems))
    plugins = tuple(map(FilePath, candidate.plugins))
    data = _read(DataSettings, candidate.data, ("data",), problems)
    train = _read(TrainSettings, candidate.train, ("train",), problems)
    systems = _systems(data, problems)
    backbone = _backbone(candidate, plugins, problems)
    heads = {name: _task(name, config, plugins, problems) for name, config in sorted(candidate.tasks.items())}
    if not candidate.tasks:
        problems.append(Problem(path=("tasks",), message="a run needs at least one task"))
    known = {name: head for name, head in heads.items() if head is not None}
    if problems or backbone is None or data is None or train is None:
        return Checked(problems=tuple(problems))
    found = _digest(data, digest, problems)
    with foreign(("data", "folder"), "cannot be read", problems):
        systems = with_channels(data, systems)
    parts = Parts(name=candidate.backbone, backbone=backbone, heads=known, window=data.window, systems=systems)
    with torch.device("meta"):  # without memory for its parameters
        model = built(parts, problems)
    code = _code(parts, plugins, problems)
    if model is None or problems:
        return Checked(problems=tuple(problems))
    if candidate.rehearse:
        rehearsed, more = (rehearsals or Rehearsals()).of(parts, train, code, recompute=candidate.recompute)
        problems += more
    else:
        rehearsed = Rehearsed(unchecked="not checked: policy.rehearse is off")
    return Checked(problems=tuple(problems)) if problems else _described(parts, model, rehearsed, code, found, train)


def _code(parts: Parts, plugins: Sequence[FilePath], problems: list[Problem]) -> str:
    with foreign(("backbone",), "cannot be described", problems):
        return code_fingerprint([parts.backbone.kind, *(head.kind for head in parts.heads.values())], plugins)
    return ""


def _described(
    parts: Parts, model: Model, rehearsed: Rehearsed, code: str, digest: str | None, train: TrainSettings
) -> Checked:
    return Checked(
        backbone_config=to_data(parts.backbone.config),
        tasks={name: to_data(head.config) for name, head in parts.heads.items()},
        required_metrics=tuple(f"{name}.{head.kind.metric}" for name, head in parts.heads.items()),
        parameters=sum(parameter.numel() for parameter in model.parameters()),
        couples_samples=model.backbone.couples_samples or any(task.couples_samples for task in model.tasks.values()),
        code_fingerprint=code,
        data_digest=digest,
        shape=memory_shape(parts, train.precision, code),
        memory=rehearsed.memory,
        unchecked=rehearsed.unchecked,
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
    with foreign(("backbone",), "cannot be imported", problems):
        kind = backbones.registry.load(name, plugins)
        return _part(kind, candidate.backbone_config, ("backbones", name), problems)
    return None


def _task(name: str, data: Mapping[str, Any], plugins: Sequence[FilePath], problems: list[Problem]) -> Part | None:
    with foreign(("tasks", name), "cannot be imported", problems):
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
    with foreign(place, "its Config cannot be read", problems):
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
    with foreign(("data", "folder" if data.folder else "simulation"), "cannot be read", problems):
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


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
