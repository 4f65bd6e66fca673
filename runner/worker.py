"""The worker: carries out one attempt of a run and leaves `result.json`, last; exits 0 after a complete one."""

from __future__ import annotations

import os
import sys
import traceback
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch

import runner.checkpoint
from db.errors import ChangedError, ConfigError
from db.records import Evaluating, Plan
from db.strict import to_record
from runner.asked_to_end import end_as_asked, noticing
from runner.attempt_dir import AttemptDir, write_record
from runner.code import code_fingerprint
from runner.evaluation import evaluate
from runner.memory import MemoryPeak, reserved_memory
from runner.metrics_log import MetricsLog
from runner.model import Model, build, future_needed, kinds
from runner.optimizer import AdamW
from runner.random_state import seed_everything
from runner.splits import Data, Split, labelled_masks, require_batch_fits, shuffled_owner
from runner.training import Training, train
from runner.worker_result import Account, describe_environment, describe_error, process_age, score_metrics
from sweeps.settings import RunSettings, WorkerSettings
from tasks.data.content import content
from tasks.data.sampler import Sampler
from tasks.data.windows import open_data

_NONCE = "RUNNER_ATTEMPT"


def main(arguments: Sequence[str]) -> int:
    """Carry out the attempt in the folder given as the only argument.

    Raises:
        FileNotFoundError: it has no plan.
        BadRecord: its plan cannot be read.
        ConfigError: this process was not started for that attempt.
    """
    folder = AttemptDir(Path(arguments[0]))
    plan = folder.read_plan()
    require_own_attempt(plan)
    account = Account(plan=plan)
    try:
        carry_out(folder, account)
        write_record(folder.result, account.result())
    except KeyboardInterrupt:  # somebody's SIGINT and no failure of the run's own: Python ends by that signal
        raise
    except BaseException as error:  # noqa: BLE001 - the outermost: whatever ended the attempt is told, SystemExit too
        write_record(folder.result, account.result(describe_error(error)))
        traceback.print_exception(error)
        return 1
    return 0


def require_own_attempt(plan: Plan) -> None:
    """Refuse to work on an attempt that this process was not started for.

    Raises:
        ConfigError: the environment names another attempt, or none.
    """
    nonce = os.environ.get(_NONCE)
    if nonce != plan.attempt_id:
        raise ConfigError(f"{_NONCE} is {nonce!r}, but plan.json is of attempt {plan.attempt_id!r}; not started")


def require_unchanged(what: str, checked: str | None, found: str | None) -> None:
    """Insist on the code and the data that were checked before launch; anything goes where the plan names none.

    Raises:
        ChangedError: they are others.
    """
    if checked not in (None, found):
        raise ChangedError(f"the {what} is no longer what was checked before launch; run the sweep again")


@dataclass(frozen=True, kw_only=True)
class Opened:
    """What a run works with, once its data has been read."""

    data: Data
    train: Split
    test: Split
    model: Model
    fresh: str


def carry_out(folder: AttemptDir, account: Account) -> None:
    """Open the data, train, evaluate; fill the account on the way."""
    settings = _read_settings(account.plan)
    device = _prepare_torch(settings)
    memory = MemoryPeak(device)
    account.seconds["start"] = process_age()
    account.environment = describe_environment(device)
    with account.phase("data"):
        opened = _open(settings, account, device)
    log = MetricsLog(folder.metrics)
    try:
        with account.phase("train"):
            _train(folder, account, settings.run, opened, memory, log)
        with account.phase("evaluate"):
            _evaluate(folder, account, settings, opened, log)
    finally:
        account.peak_memory, account.peak_reserved = memory.sample(), reserved_memory(device)


def _read_settings(plan: Plan) -> WorkerSettings:
    settings = to_record(WorkerSettings, plan.settings)
    asked = settings.run.train
    if (plan.batch.effective, plan.planned_steps) != (asked.batch, asked.steps):
        raise ConfigError(
            f"the plan has {plan.planned_steps} steps of {plan.batch.effective} windows, "
            f"the run's settings {asked.steps} of {asked.batch}"
        )
    return settings


def _prepare_torch(settings: WorkerSettings) -> torch.device:
    """Seed all generators and ask for the same arithmetic every time, as far as torch has it."""
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    seed_everything(settings.run.seed)
    torch.set_num_threads(settings.threads)
    torch.use_deterministic_algorithms(mode=True, warn_only=True)
    # Filling what is about to be overwritten costs time, and only shows in programs that read what nobody wrote.
    torch.utils.deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined] # untyped in torch
    if settings.device == "cuda" and not torch.cuda.is_available():
        raise ConfigError(
            f"the attempt was given a GPU, but torch {torch.__version__} sees none: install a build for this driver's "
            "CUDA, or set resources.gpus to none"
        )
    return torch.device(settings.device)


def _open(settings: WorkerSettings, account: Account, device: torch.device) -> Opened:
    run, plan = settings.run, account.plan
    account.code_fingerprint = code_fingerprint(kinds(run), tuple(map(Path, run.plugins)))
    require_unchanged("code", plan.code_fingerprint, account.code_fingerprint)
    data = open_data(run.data, Path(settings.root), future_needed(run))
    account.data_fingerprint = data.fingerprint
    require_unchanged("data", plan.data_fingerprint, data.fingerprint)
    account.notes += data.notes
    owner = shuffled_owner(data.labels("train"), run.seed) if run.train.shuffle_labels else None
    seed_everything(run.seed)
    model = build(run, data.systems).to(device)
    account.parameters = sum(parameter.numel() for parameter in model.parameters())
    if model.backbone.couples_samples or any(task.couples_samples for task in model.tasks.values()):
        account.notes.append("what becomes of a window depends on the others of its micro batch")
    if settings.recompute:
        model.backbone.recompute = True
        account.notes.append("activations of its segments were computed anew in the backward pass")
    return Opened(
        data=data,
        train=Split(data, "train", device, owner),
        test=Split(data, "test", device),
        model=model,
        fresh=model.fingerprint(),
    )


def _train(
    folder: AttemptDir, account: Account, run: RunSettings, opened: Opened, memory: MemoryPeak, log: MetricsLog
) -> None:
    plan, model = account.plan, opened.model
    labelled = labelled_masks(model.tasks, opened.train)
    labelled_masks(model.tasks, opened.test)
    require_batch_fits(opened.train.labels, run.train.batch)
    optimizer = AdamW(model, run.train)
    if plan.resume_from is not None:
        runner.checkpoint.restore(_earlier(folder, plan), plan.run_id, plan.resume_from, model, optimizer)
        account.gradient_seen = True
    elif plan.start_step:
        raise ConfigError(f"the plan starts at step {plan.start_step} and names no checkpoint to resume from")
    observer = Recorder(folder, account, model, optimizer, log)
    training = Training(
        model=model,
        optimizer=optimizer,
        split=opened.train,
        labelled=labelled,
        sampler=Sampler(opened.train.labels, run.train.batch, run.seed),
        settings=run.train,
        micro=plan.batch.micro,
        memory=memory,
    )
    with noticing() as asked:
        if not train(training, plan.start_step, observer, asked):
            end_as_asked()
    model.require_finite(run.train.steps)
    # Weight decay changes parameters as well, and teaches nothing.
    account.parameters_changed = account.gradient_seen and model.fingerprint() != opened.fresh


def _earlier(folder: AttemptDir, plan: Plan) -> Path:
    """Where the checkpoint lies that the plan resumes from."""
    source = plan.resume_from
    if source is None or source.step != plan.start_step:
        raise ConfigError(f"the plan starts at step {plan.start_step} but resumes from {source}")
    return AttemptDir(folder.path.resolve().parent / str(source.attempt)).checkpoints / str(source.step)


def _evaluate(folder: AttemptDir, account: Account, settings: WorkerSettings, opened: Opened, log: MetricsLog) -> None:
    plan, run = account.plan, settings.run
    first = min(plan.batch.micro, settings.evaluate or plan.batch.micro)

    def begin(micro: int) -> None:
        # Written before it is tried: whoever is killed for want of memory leaves no other word of it.
        write_record(folder.evaluating, Evaluating(attempt_id=plan.attempt_id, micro=micro))
        account.evaluated = micro

    training, precision = opened.data.labels("train"), run.train.precision
    account.scores = evaluate(opened.model, opened.test, training, first, precision, begin, log.beat)
    if plan.data_fingerprint is not None:
        require_unchanged("data", plan.data_fingerprint, content(run.data))
    account.metrics.update(score_metrics(account.scores))


class Recorder:
    """Puts what training tells into the attempt folder and the account."""

    def __init__(self, folder: AttemptDir, account: Account, model: Model, optimizer: AdamW, log: MetricsLog) -> None:
        self._folder = folder
        self._account = account
        self._model = model
        self._optimizer = optimizer
        self._log = log

    def log(self, step: int, values: Mapping[str, float]) -> None:
        self._log.append(step, values)
        self._account.metrics.update({name: value for name, value in values.items() if name != "memory"})

    def save(self, step: int) -> None:
        plan = self._account.plan
        runner.checkpoint.save(self._folder.checkpoints, plan.run_id, step, self._model, self._optimizer)

    def took(self, step: int, values: Mapping[str, float]) -> None:
        self._account.steps_done = step - self._account.plan.start_step
        self._account.gradient_seen |= values["train.grad_norm"] > 0
        self._log.beat()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
