"""A lack of memory in evaluation halves what is evaluated at a time, and nothing of the training."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from attempts import Attempt, plan_attempt, run_settings, work
from sweeping import Desk

from db.records import Evaluating
from db.strict import to_data
from db.verdicts import History, PastAttempt
from runner.attempt_dir import AttemptDir, write_record
from runner.resume import evaluated_at, newest_checkpoint
from sweeps.settings import RunSettings, WorkerSettings

MIB = 2**20
BOTH: dict[str, dict[str, Any]] = {"classification": {}, "signal_prediction": {}}


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("root")


def hungry(**config: int) -> RunSettings:
    return run_settings(BOTH, backbone="hungry_judge", backbone_config=config)


def evaluated(attempt: Attempt) -> int | None:
    return evaluated_at(attempt.folder)


@pytest.fixture(scope="module")
def whole(root: Path) -> Attempt:
    """The same run where memory suffices."""
    return work(plan_attempt(hungry(), root, number=100))


def test_where_memory_suffices_it_evaluates_as_many_as_it_trains(whole: Attempt) -> None:
    assert (whole.exit_code, evaluated(whole), whole.result.notes) == (0, 8, ())


def test_it_evaluates_half_as_many_until_they_fit_and_the_scores_stay(root: Path, whole: Attempt) -> None:
    """The memory is really refused, by torch."""
    halved = work(plan_attempt(hungry(most=3), root, number=1))
    assert (halved.exit_code, halved.result.start_step, halved.result.steps_done) == (0, 0, 6)
    assert evaluated(halved) == 2
    assert halved.result.notes == ("evaluated 2 windows at a time at last, for more ran out of memory",)
    assert halved.folder.read_plan().batch.micro == 8
    expected, found = ({score.name: score.value for score in it.result.scores} for it in (whole, halved))
    assert found == pytest.approx(expected, rel=1e-5)
    assert [score.windows for score in halved.result.scores] == [score.windows for score in whole.result.scores]


def test_it_begins_with_as_many_as_an_earlier_attempt_ended_with(root: Path) -> None:
    folder = plan_attempt(hungry(), root, number=2)
    plan = folder.read_plan()
    settings = WorkerSettings(run=hungry(), root=str(root), evaluate=4)
    write_record(folder.plan, replace(plan, settings=to_data(settings)))
    assert evaluated(work(folder)) == 4


def test_where_not_even_one_window_fits_it_fails_by_its_name(root: Path) -> None:
    failed = work(plan_attempt(hungry(most=0), root, number=3))
    assert (failed.exit_code, evaluated(failed)) == (1, 1)
    assert failed.result.error
    assert failed.result.error.kind == "host_oom"


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    made = Desk(tmp_path)
    yield made
    made.clean_up()


def sweep(desk: Desk, code: int, **config: int) -> list[dict[str, Any]]:
    desk.write(
        tasks=["classification"],
        grid={"backbone": ["hungry_judge"]},
        backbones={"hungry_judge": config},
        resources={"memory": "730MiB"},
        policy={"wait": 0.1},
    )
    done = desk.sweep()
    assert done.code == code, done
    return desk.attempts()


def test_killed_while_it_evaluates_it_goes_on_from_the_end_of_its_training(desk: Desk) -> None:
    """Whoever is killed can catch nothing: the next attempt evaluates half as many, and trains nothing again."""
    rows = sweep(desk, 0, each=150 * MIB)
    found = [(row["micro_batch"], row["grad_accum"], row["start_step"], row["failure_kind"]) for row in rows]
    assert found == [(8, 1, 0, "host_oom"), (8, 1, 4, "host_oom"), (8, 1, 4, None)]
    folders = [AttemptDir(path) for path in sorted(desk.root.glob("hungry_judge-*/*")) if path.name.isdecimal()]
    assert [evaluated_at(folder) for folder in folders] == [8, 4, 2]
    assert [folder.read_plan().settings["evaluate"] for folder in folders] == [None, 4, 2]


def test_killed_with_a_single_window_it_is_not_tried_again(desk: Desk) -> None:
    rows = sweep(desk, 1, each=800 * MIB)
    assert [row["micro_batch"] for row in rows] == [8] * 4, "8, 4, 2 and 1 windows at a time"
    stopped = json.loads(desk.type("sql", "SELECT because FROM stop", "--json").out)
    assert stopped[0]["because"].startswith("host_oom even evaluating a single window: ")


def test_a_checkpoint_of_the_last_step_counts_only_once_it_was_evaluated(root: Path, whole: Attempt) -> None:
    """Before, nobody has proven yet that all parts of the model learned something."""
    past = PastAttempt(number=100, batch=whole.folder.read_plan().batch, code_fingerprint="c", verdict="failed")
    kept = whole.folder.evaluating.read_bytes()

    def step() -> int:
        found = newest_checkpoint(root / "run", History(attempts=(past,)), code_fingerprint="c", planned_steps=6)
        assert found
        return found.step

    assert step() == 6
    whole.folder.evaluating.unlink()
    assert step() == 4
    write_record(whole.folder.evaluating, Evaluating(attempt_id="another", micro=8))
    assert step() == 4
    whole.folder.evaluating.write_text("{")
    assert step() == 4
    whole.folder.evaluating.write_bytes(kept)
