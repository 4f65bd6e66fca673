"""Code and recordings that change between the checks and the training, or between two sweeps."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import h5py
import pytest
from attempts import PLUGINS, plan_attempt, run_settings, work
from folders import row, write_folder
from sweeping import BASE, Desk

from db.errors import DataError
from runner.checked import Asked
from runner.code import code_fingerprint
from runner.model import kinds
from runner.preflight import check
from sweeps.settings import DataSettings, RunSettings
from tasks.data.content import content
from tasks.data.windows import open_data

FORECAST: dict[str, dict[str, Any]] = {"signal_prediction": {}}


@pytest.fixture
def recordings(tmp_path: Path) -> Path:
    folder = tmp_path / "recordings"
    folder.mkdir()
    return write_folder(folder, [row(number) for number in range(1, 13)])


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    desk = Desk(tmp_path)
    yield desk
    desk.clean_up()


def overwrite(folder: Path) -> None:
    """Change one sample, and neither the table nor the file's size."""
    with h5py.File(folder / "RIG.h5", "r+") as file:
        file["3"][5] += 1.0


def recorded(folder: Path, **others: Any) -> RunSettings:
    data = DataSettings(folder=str(folder), window=64)
    return run_settings(FORECAST, data=data, train={"batch": 2}, **others)


def problems(folder: Path) -> dict[Any, str]:
    asked = Asked(
        backbone="tiny",
        backbone_config={},
        tasks=FORECAST,
        data={"folder": str(folder), "window": 64},
        plugins=(str(PLUGINS),),
    )
    return {problem.path: problem.message for problem in check(asked).problems}


def test_content_is_what_opening_the_data_says_and_changes_with_a_sample(recordings: Path, tmp_path: Path) -> None:
    settings = DataSettings(folder=str(recordings), window=64)
    before = content(settings)
    assert before == open_data(settings, tmp_path, 8).fingerprint
    shutil.copytree(recordings, tmp_path / "elsewhere")
    assert content(DataSettings(folder=str(tmp_path / "elsewhere"))) == before
    overwrite(recordings)
    assert content(settings) not in (None, before)
    assert content(DataSettings()) is None


def test_a_missing_file_of_signals_is_told_before_launch(recordings: Path) -> None:
    assert problems(recordings) == {}
    (recordings / "RIG.h5").unlink()
    assert problems(recordings) == {
        ("data", "folder"): f"{recordings}/RIG.h5 is missing; row 2 of the metadata names it"
    }
    (recordings / "RIG.h5").mkdir()
    with pytest.raises(DataError, match=r"RIG\.h5 cannot be read: Is a directory"):
        content(DataSettings(folder=str(recordings)))


def test_changed_recordings_are_another_run(recordings: Path, desk: Desk) -> None:
    data = {"folder": str(recordings), "window": 64, "systems": []}
    desk.write(data=data, train={**BASE["train"], "batch": 2})
    assert desk.sweep().code == 0
    first = desk.only()["run"]
    assert desk.sweep().code == 0
    assert desk.only()["run"] == first
    assert len(desk.attempts()) == 1
    overwrite(recordings)
    assert desk.sweep().code == 0
    assert desk.only()["run"] != first
    assert [attempt["verdict"] for attempt in desk.attempts()] == ["succeeded"] * 2


def test_recordings_that_changed_since_the_checks_are_not_trained_on(recordings: Path, tmp_path: Path) -> None:
    run = recorded(recordings)
    checked = content(run.data)
    done = work(plan_attempt(run, tmp_path, number=1, micro=2, data_fingerprint=checked))
    assert (done.exit_code, done.result.data_fingerprint) == (0, checked)
    overwrite(recordings)
    failed = work(plan_attempt(run, tmp_path, number=2, micro=2, data_fingerprint=checked))
    assert failed.result.error
    assert (failed.exit_code, failed.result.error.kind, failed.result.steps_done) == (1, "changed", 0)
    assert failed.result.error.message.startswith("the data is no longer what was checked before launch")


def test_code_that_changed_since_the_checks_is_not_trained_with(recordings: Path, tmp_path: Path) -> None:
    plugins = tmp_path / "plugins"
    shutil.copytree(PLUGINS, plugins, ignore=shutil.ignore_patterns("__pycache__"))
    run = recorded(recordings, plugins=(str(plugins),))
    checked = code_fingerprint(kinds(run), [plugins])
    done = work(plan_attempt(run, tmp_path, number=1, micro=2, code_fingerprint=checked))
    assert (done.exit_code, done.result.code_fingerprint) == (0, checked)
    with (plugins / "backbones" / "tiny.py").open("a") as file:
        file.write("\n# another line\n")
    failed = work(plan_attempt(run, tmp_path, number=2, micro=2, code_fingerprint=checked))
    assert failed.result.error
    assert (failed.exit_code, failed.result.error.kind, failed.result.steps_done) == (1, "changed", 0)
    assert failed.result.error.message.startswith("the code is no longer what was checked before launch")
    assert failed.result.code_fingerprint not in (None, checked)


def test_recordings_that_change_while_they_are_trained_on_fail_the_run(recordings: Path, desk: Desk) -> None:
    desk.write(
        data={"folder": str(recordings), "window": 64, "systems": []},
        train={**BASE["train"], "batch": 2, "steps": 8},
        grid={"backbone": ["slow"]},
    )
    sweep = desk.start("sweep", "sweep.yaml")
    desk.wait_for_step()
    overwrite(recordings)
    assert sweep.wait(60) != 0
    assert desk.only()["failure_kind"] == "changed"


def test_a_result_by_another_process_than_the_one_that_was_watched_is_no_success(desk: Desk) -> None:
    policy = {"wait": 0.1, "grace": 30.0, "retries": {"contradiction": 0}, "rehearse": False}
    desk.write(grid={"backbone": ["daemon"]}, policy=policy)
    assert desk.sweep().code != 0
    only = desk.only()
    assert (only["failure_kind"], "wrote its result, but it is process" in only["because"]) == ("contradiction", True)
