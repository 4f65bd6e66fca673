"""The examples, as a person runs them: what the header of each sweep file says of its runs, the ledger says."""

from __future__ import annotations

import fcntl
import json
import re
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
from sweeping import ROOT, Desk, Done

from runner.memory_limit import open_limit

EXAMPLES = ROOT / "examples"
LONGEST = 500.0
"""Seconds for one sweep, on a machine that others use too."""
hungry = pytest.mark.usefixtures("memory")

Ladder = list[tuple[str | None, int | None, int | None]]
Metrics = Mapping[str, Mapping[str, float]]


@dataclass(frozen=True)
class Told:
    """A sweep that has ended: what it printed, and by each run's label what the ledger holds."""

    folder: Path
    done: Done
    rows: Mapping[str, dict[str, Any]]
    ladders: Mapping[str, Ladder]
    metrics: Metrics
    exit_codes: Mapping[str, int | None]

    def assert_all_ended_with_code_0(self) -> None:
        assert set(self.exit_codes.values()) == {0}


def needs(*packages: str) -> pytest.MarkDecorator:
    missing = [name for name in packages if find_spec(name) is None]
    return pytest.mark.skipif(bool(missing), reason=f"{', '.join(missing)} missing: `pip install '.[examples]'`")


def carry_out(folder: Path, sheet: str) -> Told:
    """Run a sweep file of the examples in a copy of its folder."""
    example = Path(sheet).parent.name
    shutil.copytree(EXAMPLES / example, folder / example, ignore=shutil.ignore_patterns("runs", "__pycache__"))
    desk = Desk(folder)
    try:
        process = desk.start("sweep", sheet)
        out, err = process.communicate(timeout=LONGEST)
        return look_up(desk, Done(process.returncode, out, err))
    finally:
        desk.clean_up()


def look_up(desk: Desk, done: Done) -> Told:
    rows = {row["label"]: row for row in desk.status()}
    labels = {row["run"]: label for label, row in rows.items()}
    ladders: dict[str, Ladder] = {label: [] for label in rows}
    exit_codes: dict[str, int | None] = {}
    for attempt in desk.attempts():
        label = labels[attempt["run"]]
        ladders[label].append((attempt["failure_kind"], attempt["micro_batch"], attempt["grad_accum"]))
        exit_codes[label] = attempt["exit_code"]
    metrics: dict[str, dict[str, float]] = {}
    for found in json.loads(desk.type("sql", "SELECT label, metric, value FROM final_metrics", "--json").out):
        metrics.setdefault(found["label"], {})[found["metric"]] = found["value"]
    return Told(desk.folder, done, rows, ladders, metrics, exit_codes)


def said_in_header(sheet: str) -> dict[str, tuple[str, str | None]]:
    """State and failure kind of each run, as the comment at the top of a sweep file has them."""
    line = re.compile(r"^#     (\S.*?)  +(succeeded|failed, (\w+))", re.MULTILINE)
    found = line.findall((EXAMPLES / sheet).read_text())
    return {label: ("failed" if kind else "succeeded", kind or None) for label, _, kind in found}


@pytest.fixture
def memory(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """One at a time: each takes up to 2.3 GiB."""
    with (tmp_path_factory.getbasetemp().parent / "memory.lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


@pytest.fixture
def told(request: pytest.FixtureRequest, tmp_path: Path) -> Told:
    """What a sweep file told; its header has to agree."""
    told = carry_out(tmp_path, request.param)
    states = {label: (row["state"], row["failure_kind"]) for label, row in told.rows.items()}
    assert states == said_in_header(request.param), told.done
    assert told.done.code == 1
    return told


def of(sheet: str) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("told", [sheet], indirect=True)


def test_every_sweep_file_is_run_here() -> None:
    sheets = {str(path.relative_to(EXAMPLES)) for path in EXAMPLES.glob("*/*.yaml") if is_sweep(path)}
    tried = set(re.findall(r'"(\w+/\w+\.yaml)"', Path(__file__).read_text()))
    assert sheets == tried
    assert {path.split("/")[0] for path in sheets} == {path.name for path in EXAMPLES.iterdir() if path.is_dir()}


def is_sweep(path: Path) -> bool:
    return "\nsuccess:" in path.read_text()


@of("plain_torch/sweep.yaml")
def test_a_plain_script_is_believed_for_what_it_wrote(told: Told) -> None:
    told.assert_all_ended_with_code_0()
    assert set(told.metrics) == {"train lr=0.01", "train lr=0.1"}
    assert told.metrics["train lr=0.1"]["val_mse"] < 0.1
    assert "nan under `val_mse`" in told.rows["train lr=10"]["because"]


@of("plain_torch/reporting.yaml")
def test_two_lines_of_report_say_how_far_it_came(told: Told) -> None:
    told.assert_all_ended_with_code_0()
    assert told.metrics["train_reporting epochs=10"]["val_mse"] < 0.1
    assert "256 of 320 steps" in told.rows["train_reporting epochs=8"]["because"]


@needs("lightning")
@of("lightning/sweep.yaml")
def test_a_lightning_run_that_stopped_early_is_not_green(told: Told) -> None:
    told.assert_all_ended_with_code_0()
    assert told.metrics["train max_steps=-1"]["val_mse"] < 0.2
    assert "reached 2 under `epoch`; at least 4" in told.rows["train max_steps=20"]["because"]


@needs("transformers", "accelerate")
@of("hugging_face/sweep.yaml")
def test_a_hugging_face_trainer_is_asked_for_epochs_and_numbers(told: Told) -> None:
    told.assert_all_ended_with_code_0()
    assert told.metrics["train lr=0.01"]["eval_loss"] < 2
    assert "nan under `eval_loss`" in told.rows["train lr=1000000.0"]["because"]
    assert "reached 0.625 under `epoch`" in told.rows['train lr=0.01 more=["--max_steps","10"]']["because"]


@of("bash_tee/sweep.yaml")
def test_a_pipe_hides_no_traceback(told: Told) -> None:
    told.assert_all_ended_with_code_0()
    assert set(told.metrics) == {"run model=line", "run model=cubic"}
    assert told.rows["run model=septic"]["because"].startswith("KeyError: 'degree' (and yet it ended with exit code 0)")


@hungry
@of("data_loaders/sweep.yaml")
def test_a_loader_worker_killed_for_its_memory_is_seen_behind_a_fine_result(told: Told) -> None:
    assert told.metrics["train flags=[]"]["val_mse"] < 0.01
    ladder = told.ladders['train flags=["--cache"]']
    assert [kind for kind, _, _ in ladder] == ["host_oom"]  # there is nothing to halve
    assert "limit" in told.rows['train flags=["--cache"]']["because"]


@hungry
@of("torchrun/sweep.yaml")
def test_a_rank_that_dies_fails_its_run_and_one_without_memory_gets_half_the_batch(told: Told) -> None:
    assert set(told.metrics) == {"train shards=shards"}
    assert "JSONDecodeError" in told.rows["train shards=shards_torn"]["because"]
    if is_sampled():
        pytest.skip("no memory cgroup can be made here, and sampling may miss the short peaks of these two ranks")
    assert told.ladders["train shards=shards"] == [("host_oom", 128, 1), (None, 64, 2)]


def is_sampled() -> bool:
    limit = open_limit(64 * 2**20, "probe")
    limit.remove()
    return limit.how == "sampled"


@needs("lightning")
@hungry
@of("vibench/sweep.yaml")
def test_a_code_base_of_which_not_a_line_was_changed_is_told_truly(told: Told) -> None:
    told.assert_all_ended_with_code_0()  # its own words call each of them a success

    good = told.metrics["vibench model=dlinear"]
    assert set(good) == {"accuracy", "rul_mse"}
    assert good["accuracy"] > 0.5
    assert told.ladders["vibench model=dlinear"] == [(None, 128, 1)]

    missing_key = told.rows["vibench model=patchtst"]["because"]
    assert missing_key.startswith("AttributeError: 'ConfigWrapper' object has no attribute 'e_layers'")
    assert "(and yet it ended with exit code 0); " in missing_key

    assert told.ladders["vibench model=timesnet"] == [("host_oom", 128, 1), (None, 64, 2)]
    (rewritten,) = told.folder.glob("runs/*/2/config.yaml")
    assert {"batch_size: 64", "accumulate_grad_batches: 2"} <= set(map(str.strip, rewritten.read_text().splitlines()))

    assert "no column `test_rul_mse`" in told.rows["vibench model=fno"]["because"]  # swallowed at every step
    assert set(told.metrics) == {"vibench model=dlinear", "vibench model=timesnet"}
