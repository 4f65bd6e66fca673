"""Attempts that are really carried out: a folder, a plan in it, and a worker process."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from db.records import BatchSplit, Plan, Result, ResumeFrom
from db.strict import to_data
from runner.attempt_dir import AttemptDir, write_record
from runner.entry import worker_argv
from sweeps.settings import DataSettings, RunSettings, TrainSettings, WorkerSettings

ROOT = Path(__file__).resolve().parent.parent
PLUGINS = ROOT / "tests" / "plugins"
TRAIN = {"batch": 8, "steps": 6, "warmup_steps": 2, "log_every": 2, "checkpoint_every": 2}


@dataclass(frozen=True, kw_only=True)
class Attempt:
    """A worker that has ended."""

    folder: AttemptDir
    exit_code: int
    stderr: str

    @property
    def result(self) -> Result:
        return self.folder.read_result()

    @property
    def logged(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.folder.metrics.read_text().splitlines()]


def run_settings(tasks: Mapping[str, Mapping[str, Any]], **others: Any) -> RunSettings:
    """A run of the tiny backbone over one simulated rig, or what `others` say."""
    train = TrainSettings(**{**TRAIN, **others.pop("train", {})})
    defaults = {
        "backbone": "tiny",
        "backbone_config": {},
        "data": DataSettings(window=256, max_windows=1, systems=(102,)),
        "plugins": (str(PLUGINS),),
    }
    return RunSettings(tasks=tasks, train=train, **{**defaults, **others})


def plan_attempt(
    run: RunSettings,
    root: Path,
    *,
    number: int = 1,
    micro: int = 8,
    resume_from: ResumeFrom | None = None,
    **others: Any,
) -> AttemptDir:
    """Make the folder and the plan of an attempt of this run."""
    folder = AttemptDir(root / "run" / str(number))
    folder.path.mkdir(parents=True)
    settings = WorkerSettings(run=run, root=str(root))
    usual: dict[str, Any] = {
        "planned_steps": run.train.steps,
        "start_step": resume_from.step if resume_from else 0,
        "settings": to_data(settings),
    }
    plan = Plan(
        attempt_id=f"nonce-{number}",
        run_id="tiny-0123456789ab",
        number=number,
        argv=worker_argv("runner.worker", str(folder.path)),
        cwd=str(root),
        batch=BatchSplit(micro=micro, accum=run.train.batch // micro),
        required_metrics=(),
        resume_from=resume_from,
        **{**usual, **others},
    )
    write_record(folder.plan, plan)
    return folder


def work(folder: AttemptDir, plan: Plan | None = None, **env: str) -> Attempt:
    """Start the worker as the supervisor does, and wait for it."""
    plan = plan or folder.read_plan()
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "RUNNER_ATTEMPT": plan.attempt_id, **env}
    done = subprocess.run(
        plan.argv, cwd=plan.cwd, env=environment, capture_output=True, text=True, timeout=120, check=False
    )
    return Attempt(folder=folder, exit_code=done.returncode, stderr=done.stderr)
