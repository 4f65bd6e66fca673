"""The bug report this project grew from: what was called a success four times is told as it was."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sweeping import ROOT, Desk

STORY = str(ROOT / "sweeps" / "seed_story.yaml")


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    made = Desk(tmp_path_factory.mktemp("story"))
    yield made
    made.clean_up()


def test_every_fault_is_refused_with_its_line_before_anything_starts(desk: Desk) -> None:
    done = desk.type("sweep", STORY)
    assert done.code == 2
    assert "missing key `e_layers` of PatchTSTB08.Config, declared at " in done.err
    assert "unknown key `num_layers` (did you mean `e_layers`?)" in done.err
    lines = Path(STORY).read_text().splitlines()
    blamed = [lines[int(number) - 1].strip() for number in re.findall(r"seed_story\.yaml:(\d+):", done.err)]
    assert [line.partition("  #")[0].rstrip() for line in blamed] == [
        "backbones: {patchtst_b08: {num_layers: 1}}",
        "- {backbone: patchtst_b08}",
        "- {backbone: dlinear, tasks: [rul_of_first]}",
        "- {backbone: dlinear, tasks: [swallowed, signal_prediction]}",
    ]
    assert "rul_of_first: the target has shape [], not one entry for each of 2 windows" in done.err
    assert "swallowed: its loss depends on no parameter, so nothing is learned from it" in done.err
    assert not desk.root.exists()


@pytest.fixture(scope="module")
def told(desk: Desk) -> dict[str, dict[str, Any]]:
    """The runs of the mended sweep, by what is odd about them."""
    done = desk.type("sweep", STORY, "--profile", "mended", "policy.rehearse=false")
    assert done.code == 1, done
    names = ("patchtst_b08", "timesnet_b06", "rul_of_first", "swallowed")
    return {name: row for name in names for row in desk.status() if name in row["label"]}


def test_the_mended_one_succeeds(told: dict[str, dict[str, Any]]) -> None:
    assert told["patchtst_b08"]["state"] == "succeeded"


def test_out_of_memory_is_halved_until_it_fits(desk: Desk, told: dict[str, dict[str, Any]]) -> None:
    assert told["timesnet_b06"]["state"] == "succeeded"
    ladder = [row for row in desk.attempts() if row["run"] == told["timesnet_b06"]["run"]]
    assert len(ladder) >= 2
    assert [row["failure_kind"] for row in ladder] == ["host_oom"] * (len(ladder) - 1) + [None]
    assert [(row["micro_batch"], row["grad_accum"]) for row in ladder] == [
        (16 >> halvings, 1 << halvings) for halvings in range(len(ladder))
    ]


def test_the_broadcast_loss_is_refused_as_shape(told: dict[str, dict[str, Any]]) -> None:
    row = told["rul_of_first"]
    assert (row["state"], row["failure_kind"], row["attempts"]) == ("failed", "shape", 1)
    assert "the target has shape []" in row["because"]


def test_the_swallowed_exception_is_a_failure_and_why_shows_it(desk: Desk, told: dict[str, dict[str, Any]]) -> None:
    row = told["swallowed"]
    assert (row["state"], row["failure_kind"], row["attempts"]) == ("failed", "incomplete", 1)
    assert "completed successfully" in desk.type("logs", row["run"]).out
    why = desk.type("why", row["run"]).out
    assert "failed (incomplete): NothingLearnedError: swallowed: its loss depends on no parameter" in why
    assert "DISAGREES" in why
    heard = json.loads(desk.type("why", row["run"], "--json").out)["evidence"]
    assert {line["witness"]: line["agrees"] for line in heard}["result"] is False
