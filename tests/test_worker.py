from __future__ import annotations

import json
import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from attempts import PLUGINS, Attempt, plan_attempt, run_settings, work
from safetensors import safe_open

from db.errors import DataError, Refused
from db.records import ResumeFrom
from db.strict import to_data
from runner.attempt_dir import write_record
from runner.checkpoint import file_hash
from runner.worker_result import bytes_asked, describe_error
from sweeps.settings import RunSettings, WorkerSettings

FOUR_TASKS: dict[str, dict[str, Any]] = {
    "anomaly_detection": {},
    "classification": {},
    "rul_prediction": {},
    "signal_prediction": {},
}
Start = Callable[..., Attempt]


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("root")


@pytest.fixture
def start(root: Path) -> Start:
    """Carries out attempts of a run, all of them over the same simulated recordings."""

    def carry_out(run: RunSettings, **others: Any) -> Attempt:
        number = 1 + len(list((root / "run").glob("*")))
        return work(plan_attempt(run, root, number=number, **others))

    return carry_out


@pytest.fixture(scope="module")
def whole(root: Path) -> Attempt:
    """A run with dropout that nothing interrupted."""
    return work(plan_attempt(with_dropout(), root, number=1001))


def with_dropout() -> RunSettings:
    return run_settings(FOUR_TASKS, backbone_config={"dropout": 0.3})


def tensors_of(attempt: Attempt, step: int) -> dict[str, Any]:
    with safe_open(attempt.folder.checkpoints / str(step) / "state.safetensors", "pt") as file:
        return {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - not a dict


def test_a_whole_run_leaves_a_complete_account(whole: Attempt) -> None:
    result = whole.result
    assert (whole.exit_code, whole.stderr) == (0, "")
    assert (result.attempt_id, result.run_id, result.error) == ("nonce-1001", "tiny-0123456789ab", None)
    assert (result.start_step, result.steps_done) == (0, 6)
    assert result.parameters_changed
    assert result.parameters > 1000
    assert result.peak_memory > 50 * 2**20
    assert all(math.isfinite(value) for value in result.metrics.values())
    assert {"train.loss", "classification.accuracy", "classification.baseline", "rul_prediction.rmse"} <= set(
        result.metrics
    )
    assert {score.task: score.windows > 20 for score in result.scores} == dict.fromkeys(FOUR_TASKS, True)
    assert result.data_fingerprint
    assert result.environment
    assert result.environment.device
    seconds = result.seconds
    assert min(seconds.start, seconds.data, seconds.train, seconds.evaluate) > 0
    assert not list(whole.folder.path.glob(".*"))


def test_metrics_are_logged_at_the_first_and_last_step_and_in_between(whole: Attempt) -> None:
    assert {line["step"] for line in whole.logged} == {1, 2, 4, 6}
    assert {"step", "name", "value", "time"} == set(whole.logged[0])
    assert {"train.loss", "train.lr", "train.grad_norm", "memory", "train.signal_prediction.loss"} <= {
        line["name"] for line in whole.logged
    }


def test_the_same_run_gives_the_same_numbers_also_in_other_micro_batches(start: Start) -> None:
    run = run_settings(FOUR_TASKS)
    first, again, halved = start(run), start(run), start(run, micro=4)
    assert first.result.metrics == again.result.metrics
    assert dict(halved.result.metrics) == pytest.approx(dict(first.result.metrics), rel=1e-4)


def test_a_resumed_run_ends_where_an_uninterrupted_one_does(start: Start, whole: Attempt) -> None:
    source = ResumeFrom(attempt=1001, step=4, sha256=file_hash(whole.folder.checkpoints / "4" / "state.safetensors"))
    resumed = start(with_dropout(), resume_from=source)
    assert (resumed.exit_code, resumed.result.start_step, resumed.result.steps_done) == (0, 4, 2)
    assert resumed.result.scores == whole.result.scores
    ours, theirs = tensors_of(resumed, 6), tensors_of(whole, 6)
    assert ours.keys() == theirs.keys()
    assert all(ours[name].equal(theirs[name]) for name in ours)


def test_a_run_whose_training_was_complete_only_needs_to_be_evaluated(start: Start, whole: Attempt) -> None:
    source = ResumeFrom(attempt=1001, step=6, sha256=file_hash(whole.folder.checkpoints / "6" / "state.safetensors"))
    resumed = start(with_dropout(), resume_from=source)
    assert (resumed.exit_code, resumed.result.start_step, resumed.result.steps_done) == (0, 6, 0)
    assert resumed.result.parameters_changed
    assert resumed.result.scores == whole.result.scores


def test_a_checkpoint_with_another_hash_is_not_resumed_from(start: Start, whole: Attempt) -> None:
    assert whole.exit_code == 0
    failed = start(with_dropout(), resume_from=ResumeFrom(attempt=1001, step=4, sha256="0" * 64))
    assert failed.exit_code == 1
    assert failed.result.error
    assert failed.result.error.kind == "config"
    assert "cannot resume" in failed.result.error.message


@pytest.mark.parametrize(
    ("task", "kind", "words"),
    [
        ("raises", "crashed", "no loss for [8, 32, 1]"),
        ("says_it_is_done", "crashed", "0"),
        ("out_of_memory", "host_oom", ""),
        ("device_full", "cuda_oom", "Tried to allocate 12.00 GiB"),
        ("disk_full", "disk_full", "No space left on device"),
        ("unprintable", "crashed", "<exception str() failed>"),
        ("nan_at_third", "non_finite", "nan_at_third: the loss of step 3 is nan"),
        ("nan_in_test", "non_finite", "nan_in_test: predictions"),
        ("mean_loss", "shape", "mean_loss: the loss has shape []"),
        ("one_target", "shape", "one_target: the target has shape []"),
        ("broadcast_loss", "shape", "broadcast_loss: Using a target size"),
        ("surrogates", "crashed", "cannot read caf\\udce9.wav"),
        ("copies_target", "non_finite", "copies_target: the loss of step"),
        ("deaf", "incomplete", "the head of deaf: no step gave a gradient"),
        ("unlabelled", "data", "unlabelled: none of the"),
        ("no_such_task", "config", "there is no task `no_such_task`"),
    ],
)
def test_whatever_ends_a_run_is_told_and_never_a_success(start: Start, task: str, kind: str, words: str) -> None:
    failed = start(run_settings({task: {}, "classification": {}}))
    error = failed.result.error
    assert failed.exit_code == 1
    assert error
    assert (error.kind, words in error.message) == (kind, True)
    assert error.type in failed.stderr
    assert "Traceback (most recent call last)" in error.traceback
    assert not failed.result.metrics
    assert not failed.result.scores
    assert error.bytes_asked == (12 * 2**30 if task == "device_full" else None)


def test_an_allocation_that_fails_is_host_oom_and_says_how_much_was_asked(start: Start) -> None:
    failed = start(run_settings(FOUR_TASKS, backbone="greedy"))
    assert failed.exit_code == 1
    assert failed.result.error
    assert (failed.result.error.kind, failed.result.error.bytes_asked) == ("host_oom", 4 * 10**15)


def test_what_came_before_a_failure_is_kept(start: Start) -> None:
    failed = start(run_settings({"nan_at_third": {}}))
    assert failed.result.steps_done == 2
    assert {line["value"] for line in failed.logged if line["name"] == "train.loss" and line["step"] == 3} == {"nan"}
    assert [entry.name for entry in failed.folder.checkpoints.iterdir()] == ["2"]
    assert failed.result.environment
    assert failed.result.seconds.train > 0


@pytest.mark.parametrize("decay", [0.0, 0.1])
def test_a_run_that_learned_nothing_is_incomplete(start: Start, decay: float) -> None:
    failed = start(run_settings({"deaf": {}}, train={"weight_decay": decay}))
    assert (failed.exit_code, failed.result.error and failed.result.error.kind) == (1, "incomplete")
    assert not failed.result.parameters_changed


def test_a_batch_that_no_system_fills_is_refused_before_training(start: Start) -> None:
    failed = start(run_settings({"signal_prediction": {}}, train={"batch": 4096}))
    assert failed.result.error
    assert (failed.exit_code, failed.result.error.kind, failed.result.steps_done) == (1, "config", 0)
    assert "train.batch is 4096, but the largest system has" in failed.result.error.message


def test_a_model_with_nothing_to_train_is_refused(start: Start) -> None:
    failed = start(run_settings({"frozen": {}}, backbone_config={"frozen": True}))
    assert failed.result.error
    assert (failed.exit_code, failed.result.error.kind) == (1, "config")


def test_another_attempts_process_does_not_touch_the_folder(root: Path) -> None:
    folder = plan_attempt(run_settings(FOUR_TASKS), root, number=2001)
    refused = work(folder, RUNNER_ATTEMPT="nonce-of-another")
    assert refused.exit_code == 1
    assert "RUNNER_ATTEMPT is 'nonce-of-another'" in refused.stderr
    assert sorted(entry.name for entry in folder.path.iterdir()) == ["plan.json"]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"planned_steps": 7}, "the plan has 7 steps of 8 windows, the run's settings 6 of 8"),
        ({"settings": {"run": {}, "root": "."}}, "missing key `backbone`"),
        ({"start_step": 2}, "names no checkpoint"),
    ],
)
def test_a_plan_that_contradicts_itself_is_refused(start: Start, change: dict[str, Any], words: str) -> None:
    failed = start(run_settings(FOUR_TASKS), **change)
    assert failed.exit_code == 1
    assert failed.result.error
    assert failed.result.error.kind == "config"
    assert words in failed.result.error.message


@pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has the GPU that is to be missed")
def test_a_gpu_that_torch_does_not_see_is_not_replaced_by_the_cpu(root: Path) -> None:
    folder = plan_attempt(run_settings(FOUR_TASKS), root, number=2004)
    plan = folder.read_plan()
    write_record(folder.plan, replace(plan, settings={**plan.settings, "device": "cuda"}))
    failed = work(folder)
    assert failed.exit_code == 1
    assert failed.result.error
    assert failed.result.error.kind == "config"
    assert "was given a GPU" in failed.result.error.message


def test_a_plan_that_cannot_be_read_is_not_worked_on(root: Path) -> None:
    folder = plan_attempt(run_settings(FOUR_TASKS), root, number=2002)
    plan = folder.read_plan()
    folder.plan.write_text(json.dumps({**to_data(plan), "surprise": 1}))
    refused = work(folder, plan)
    assert refused.exit_code == 1
    assert "unknown key `surprise`" in refused.stderr
    assert not folder.result.exists()


def test_a_result_that_cannot_be_written_is_not_a_success(root: Path) -> None:
    folder = plan_attempt(run_settings(FOUR_TASKS), root, number=2003)
    folder.result.mkdir()
    (folder.result / "in the way").touch()
    failed = work(folder)
    assert failed.exit_code == 1
    assert "Is a directory" in failed.stderr or "not empty" in failed.stderr


def test_shuffled_labels_run_through_the_whole_worker(start: Start) -> None:
    honest, shuffled = (start(run_settings(FOUR_TASKS, train={"shuffle_labels": it})) for it in (False, True))
    assert (honest.exit_code, shuffled.exit_code) == (0, 0)
    assert honest.result.metrics["train.loss"] != shuffled.result.metrics["train.loss"]
    baselines = [[score.baseline for score in attempt.result.scores] for attempt in (honest, shuffled)]
    assert baselines[0] == baselines[1]


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        ("CUDA out of memory. Tried to allocate 968.00 MiB. GPU 0", 968 * 2**20),
        ("CUDA out of memory. Tried to allocate 20 bytes.", 20),
        ("DefaultCPUAllocator: can't allocate memory: you tried to allocate 4096 bytes.", 4096),
        ("something else", None),
    ],
)
def test_how_much_was_asked_for_is_read_from_the_message(message: str, expected: int | None) -> None:
    assert bytes_asked(message) == expected


def test_worker_settings_are_read_back_as_they_were_written() -> None:
    from db.strict import to_record

    run = run_settings(FOUR_TASKS)
    settings = WorkerSettings(run=replace(run, plugins=(str(PLUGINS),)), root="/somewhere", threads=2)
    assert to_record(WorkerSettings, json.loads(json.dumps(to_data(settings)))) == settings


def test_what_hides_behind_an_exception_names_the_failure() -> None:
    def described(cause: BaseException) -> tuple[str, str, int | None]:
        error = RuntimeError("step failed")
        error.__cause__ = cause
        record = describe_error(error)
        assert "RuntimeError: step failed" in record.traceback
        return record.kind, record.type, record.bytes_asked

    full = torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 12.00 GiB")
    assert described(full) == ("cuda_oom", "torch.OutOfMemoryError", 12 * 2**30)
    assert described(DataError("no labels")) == ("data", "db.errors.DataError", None)
    assert described(Refused("no folder")) == ("config", "db.errors.Refused", None)
    assert described(KeyError("x")) == ("crashed", "RuntimeError", None)
