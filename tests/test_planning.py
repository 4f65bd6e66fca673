"""`runner plan`: what every run needs and how its batch is cut, for people and for programs."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sweeping import ROOT, Desk

from runner.planning import Room, room
from runner.predicted import CPU_CONTEXT
from sweeps.settings import Resources

GIB = 2**30
FOUNDATION = str(ROOT / "sweeps" / "foundation.yaml")


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    made = Desk(tmp_path)
    made.write()
    yield made
    made.clean_up()


def planned(desk: Desk, *arguments: str, code: int = 0) -> dict[str, Any]:
    done = desk.type("plan", *arguments, "--json")
    assert done.code == code, done
    told: dict[str, Any] = json.loads(done.out)
    return told


def test_the_whole_foundation_sweep_fits_a_gpu_of_24_gb(desk: Desk) -> None:
    told = planned(desk, FOUNDATION, "--profile", "standard", "--gpu-memory", "23.68GiB")
    assert (told["device"], told["profile"], len(told["runs"])) == ("gpu", "standard", 4)
    for run in told["runs"]:
        assert (run["fits"], run["micro_batch"], run["grad_accum"]) == (True, 128, 1)
        assert 0.1 * GIB < run["predicted_peak_bytes"] == run["predicted_bytes"] <= 8 * GIB
        assert run["parameters"] > 50_000
        assert run["unchecked"] is None


def test_a_run_that_does_not_fit_is_cut_or_told(desk: Desk) -> None:
    desk.write(grid={"backbone": ["hungry", "tiny"]}, train={"batch": 8})
    limit = CPU_CONTEXT + 300 * 2**20
    hungry, tiny = planned(desk, "sweep.yaml", "--memory", f"{limit} B")["runs"]
    assert 8 * 64 * 2**20 < hungry["predicted_peak_bytes"] - CPU_CONTEXT < 9 * 64 * 2**20
    assert (hungry["micro_batch"], hungry["grad_accum"], hungry["fits"]) == (4, 2, True)
    assert (tiny["micro_batch"], tiny["grad_accum"]) == (8, 1)
    done = desk.type("plan", "sweep.yaml", "--memory", f"{CPU_CONTEXT + 32 * 2**20} B")
    assert done.code == 1
    assert "too large, however the batch is cut: hungry" in done.out
    assert not desk.root.exists(), "nothing was started"


def test_a_run_that_was_not_rehearsed_is_told_as_that(desk: Desk) -> None:
    done = desk.type("plan", "sweep.yaml", "policy.rehearse=false")
    assert done.code == 0
    assert "tiny: not checked: policy.rehearse is off" in done.out


def test_commands_have_no_prediction(desk: Desk) -> None:
    (desk.folder / "command.yaml").write_text('command: {argv: ["true", "{x}"], name: c}\ngrid: {x: [1]}\n')
    (run,) = planned(desk, "command.yaml")["runs"]
    assert (run["predicted_peak_bytes"], run["fits"], run["micro_batch"]) == (None, None, None)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--gpu-memory", "24"), "--gpu-memory: '24' is not a size; write a number and a unit, such as 4GiB"),
        (("--memory", "0B"), "--memory: 0B is no size that a memory has"),
        (("train.batchh=3",), "train.batchh"),
    ],
)
def test_what_was_typed_wrongly_is_told(desk: Desk, arguments: tuple[str, ...], words: str) -> None:
    done = desk.type("plan", "sweep.yaml", *arguments)
    assert (done.code, done.out) == (2, "")
    assert words in done.err


def test_how_long_a_success_took_is_known_from_the_ledger(desk: Desk) -> None:
    assert planned(desk, "sweep.yaml")["runs"][0]["seconds"] is None
    assert desk.sweep().code == 0
    assert planned(desk, "sweep.yaml")["runs"][0]["seconds"] > 0


@pytest.mark.parametrize(
    ("resources", "given", "expected"),
    [
        (Resources(memory=4 * GIB), (None, None, None), Room(device="cpu", limit_bytes=4 * GIB)),
        (Resources(memory=4 * GIB), (80 * GIB, None, None), Room(device="gpu", limit_bytes=80 * GIB)),
        (Resources(gpus="none"), (80 * GIB, None, None), Room(device="cpu", limit_bytes=None)),
        (Resources(), (80 * GIB, None, 2 * GIB), Room(device="cpu", limit_bytes=2 * GIB)),
        (Resources(gpus="none"), (None, 24 * GIB, None), Room(device="gpu", limit_bytes=24 * GIB)),
    ],
)
def test_whose_memory_it_is(resources: Resources, given: tuple[int | None, ...], expected: Room) -> None:
    assert room(resources, *given) == expected
