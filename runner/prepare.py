"""From a sweep file to runs that are ready to be launched: resolved, checked and named, before anything is spent.

What needs torch (a backbone's and a task's typed Config, building the model) happens in one child process,
`runner.preflight`; the scheduler only reads its answer.
"""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from db.errors import Refused
from db.legible import legible
from db.records import BatchSplit
from db.strict import nearest, to_data, to_record
from runner.checked import Answer, Asked, Checked, Question
from runner.command_work import CommandWork
from runner.entry import worker_argv
from runner.outside import in_the_way
from runner.training_work import Training, allocator_settings
from runner.work import Work
from sweeps.command import command_run_id
from sweeps.expand import Candidate
from sweeps.expand_commands import CommandCandidate
from sweeps.settings import Memory, Policy, Resources, RunSettings, run_id
from sweeps.spec import SweepSpec
from sweeps.success_checks import outside_files

PREFLIGHT_SECONDS = 600.0


@dataclass(frozen=True, kw_only=True)
class PreparedRun:
    """A run that passed every check. `source` is the folder whose repository its code lies in.

    `unchecked` says why its training step could not be rehearsed; `cut` is how its batch is predicted to fit, where
    that is asked for and known.
    """

    run_id: str
    label: str
    work: Work
    source: Path
    unchecked: str | None = None
    cut: BatchSplit | None = None


@dataclass(frozen=True, kw_only=True)
class PreparedSweep:
    name: str
    file: Path
    profile: str | None
    profile_reason: str
    resources: Resources
    policy: Policy
    memory: Memory
    runs: tuple[PreparedRun, ...]

    @property
    def digest(self) -> str:
        return hashlib.sha256("\n".join(run.run_id for run in self.runs).encode()).hexdigest()[:16]

    @property
    def unchecked(self) -> tuple[str, ...]:
        """What was not checked, with the runs that it is true of."""
        said = dict.fromkeys(run.unchecked for run in self.runs if run.unchecked)
        return tuple(f"{', '.join(run.label for run in self.runs if run.unchecked == why)}: {why}" for why in said)


def prepare(spec: SweepSpec, root: Path) -> PreparedSweep:
    """Resolve and check every candidate of a sweep whose attempts lie below `root`.

    Raises:
        Refused: some cannot run; the message lists all problems with the lines that cause them.
    """
    runs = [*_trainings(spec), *map(_commanded, spec.commands)]
    _refuse_duplicates(runs)
    _refuse_in_the_way(spec, root)
    return PreparedSweep(
        name=spec.name,
        file=spec.file,
        profile=spec.profile,
        profile_reason=spec.profile_reason,
        resources=spec.resources,
        policy=spec.policy,
        memory=spec.memory,
        runs=tuple(runs),
    )


def _trainings(spec: SweepSpec) -> Sequence[PreparedRun]:
    if not spec.candidates:
        return ()
    for folder in {candidate.data.folder for candidate in spec.candidates}:
        _require_tables(folder, spec)
    checked = _check(spec)
    problems = [
        f"{spec.place(candidate, problem.path)}: {'.'.join(map(str, problem.path))}: {problem.message}"
        for candidate, answer in zip(spec.candidates, checked, strict=True)
        for problem in answer.problems
    ]
    if problems:
        raise Refused("\n".join(dict.fromkeys(problems)))
    pairs = zip(spec.candidates, checked, strict=True)
    return [_training(candidate, answer, spec) for candidate, answer in pairs]


def _commanded(candidate: CommandCandidate) -> PreparedRun:
    """All that can be checked of a command was checked with its sweep file."""
    asked = candidate.settings
    return PreparedRun(
        run_id=command_run_id(asked),
        label=candidate.label,
        work=CommandWork(asked=asked),
        source=Path(asked.cwd),
    )


def _refuse_in_the_way(spec: SweepSpec, root: Path) -> None:
    """Of runs that were never tried, nothing that they are to write may be there."""
    problems = [
        f"{spec.place(candidate, ('success', 'files', index, 'path'))}: {legible(in_the_way(path))}"
        for candidate in spec.commands
        for run in [command_run_id(candidate.settings)]
        for index, path in outside_files(candidate.settings, run)
        if os.path.lexists(path) and not (root / run).exists()
    ]
    if problems:
        raise Refused("\n".join(dict.fromkeys(problems)))


def _require_tables(folder: str | None, spec: SweepSpec) -> None:
    if folder is None:
        return
    path = Path(folder)
    try:
        if not path.is_dir():
            near = nearest(path.name, [entry.name for entry in path.parent.iterdir()]) if path.parent.is_dir() else ""
            raise Refused(f"{spec.file}: data.folder: there is no folder {folder}{near}")
        tables = [table for table in path.glob("*.csv") if table.is_file()]
    except (OSError, ValueError) as error:  # a name that is too long, or no name at all
        raise Refused(f"{spec.file}: data.folder: {folder} cannot be read: {error}") from None
    if not tables:
        raise Refused(f"{spec.file}: data.folder: {folder} holds no metadata table (*.csv); see docs/sweep_files.md")


def _check(spec: SweepSpec) -> Sequence[Checked]:
    question = Question(candidates=tuple(_asked(candidate, spec) for candidate in spec.candidates))
    with tempfile.TemporaryDirectory(prefix="runner-preflight-") as folder:
        asked, answered = Path(folder, "question.json"), Path(folder, "answer.json")
        asked.write_text(json.dumps(to_data(question)))
        argv = worker_argv("runner.preflight", str(asked), str(answered))
        try:
            done = subprocess.run(
                argv, capture_output=True, timeout=PREFLIGHT_SECONDS, check=False, stdin=subprocess.DEVNULL
            )
        except subprocess.TimeoutExpired:
            raise Refused(f"the checks before launch took longer than {PREFLIGHT_SECONDS:.0f} s") from None
        if not answered.is_file():
            raise Refused(
                f"{spec.file}: the checks before launch ended with exit code {done.returncode} and without an answer; "
                f"code of a plugin may have ended the process"
            )
        answer = to_record(Answer, json.loads(answered.read_text()))
    if answer.fault:
        raise Refused(f"{spec.file}: the checks before launch failed: {answer.fault}")
    return answer.candidates


def _asked(candidate: Candidate, spec: SweepSpec) -> Asked:
    return Asked(
        backbone=candidate.backbone,
        backbone_config=candidate.backbone_config,
        tasks=candidate.tasks,
        data=to_data(candidate.data),
        train=to_data(candidate.train),
        seed=candidate.seed,
        plugins=tuple(map(str, spec.plugins)),
        rehearse=spec.policy.rehearse,
        recompute=spec.memory.recompute != "never",
    )


def _training(candidate: Candidate, answer: Checked, spec: SweepSpec) -> PreparedRun:
    settings = RunSettings(
        backbone=candidate.backbone,
        backbone_config=answer.backbone_config or {},
        tasks=answer.tasks or {},
        data=candidate.data,
        train=candidate.train,
        seed=candidate.seed,
        plugins=tuple(map(str, spec.plugins)),
    )
    work = Training(
        run=settings,
        required_metrics=answer.required_metrics,
        parameters=answer.parameters,
        couples_samples=answer.couples_samples,
        code_fingerprint=answer.code_fingerprint,
        data_digest=answer.data_digest,
        shape=f"{answer.shape}-{spec.memory.recompute}",
        memory=answer.memory,
        recompute=spec.memory.recompute,
        allocator=allocator_settings(spec.memory, os.environ),
    )
    return PreparedRun(
        run_id=run_id(settings, answer.data_digest),
        label=candidate.label,
        work=work,
        source=spec.file.parent,
        unchecked=answer.unchecked,
    )


def _refuse_duplicates(runs: Sequence[PreparedRun]) -> None:
    labels: dict[str, str] = {}
    for run in runs:
        if run.run_id in labels:
            raise Refused(
                f"`{labels[run.run_id]}` and `{run.label}` are the same run: one spells out what is a default in the "
                "other; keep one of them"
            )
        labels[run.run_id] = run.label
