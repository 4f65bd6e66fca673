"""`runner plan`: what every run needs and how its batch is cut, for people and for programs."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sweeping import ROOT, Desk

from runner.fitting import Room, room
from runner.gpus import Gpu
from runner.predicted import GPU, HOST, TIDY_HOST, Place
from sweeps.settings import Resources

GIB = 2**30
CONTEXT = TIDY_HOST.context
TIDY = {"MALLOC_MMAP_THRESHOLD_": "65536"}
FOUNDATION = str(ROOT / "sweeps" / "foundation.yaml")


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    made = Desk(tmp_path)
    made.write()
    yield made
    made.clean_up()


def planned(desk: Desk, *arguments: str, code: int = 0) -> dict[str, Any]:
    done = desk.type("plan", *arguments, "--json", **TIDY)
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
    limit = CONTEXT + 300 * 2**20
    hungry, tiny = planned(desk, "sweep.yaml", "--memory", f"{limit} B")["runs"]
    assert 8 * 64 * 2**20 < hungry["predicted_peak_bytes"] - CONTEXT < 9 * 64 * 2**20
    assert (hungry["micro_batch"], hungry["grad_accum"], hungry["fits"]) == (4, 2, True)
    assert (tiny["micro_batch"], tiny["grad_accum"]) == (8, 1)
    done = desk.type("plan", "sweep.yaml", "--memory", f"{CONTEXT + 32 * 2**20} B", **TIDY)
    assert done.code == 1
    assert "predicted to be too large, however the batch is cut: hungry" in done.out
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


H100, SMALL = Gpu(index=0, uuid="GPU-a", memory=80 * GIB), Gpu(index=1, uuid="GPU-b", memory=24 * GIB)


@pytest.mark.parametrize(
    ("resources", "gpus", "typed", "place", "limit"),
    [
        (Resources(memory=4 * GIB), (), {}, HOST, 4 * GIB),
        (Resources(memory=4 * GIB), (H100, SMALL), {}, GPU, 24 * GIB),
        (Resources(gpus="none"), (H100,), {}, HOST, None),
        (Resources(), (H100,), {"memory": 2 * GIB}, HOST, 2 * GIB),
        (Resources(gpus="none"), (), {"gpu_memory": GIB}, GPU, GIB),
    ],
)
def test_whose_memory_it_is(
    resources: Resources, gpus: tuple[Gpu, ...], typed: dict[str, int], place: Place, limit: int | None
) -> None:
    assert room(resources, gpus, {}, **typed) == Room(place=place, limit_bytes=limit)
    tidy = TIDY_HOST if place is HOST else place
    assert room(resources, gpus, TIDY, **typed) == Room(place=tidy, limit_bytes=limit)


@pytest.mark.parametrize(
    ("predict", "ladder"), [(True, [(2, 4, "succeeded")]), (False, [(8, 1, "failed"), (4, 2, "failed")])]
)
def test_the_first_attempt_is_cut_as_predicted(desk: Desk, predict: bool, ladder: list[tuple[int, int, str]]) -> None:  # noqa: FBT001 - a case
    desk.write(
        grid={"backbone": ["hungry"]},
        backbones={"hungry": {"each": 150 * 2**20}},
        resources={"memory": "730MiB"},
        train={"batch": 8, "steps": 2, "warmup_steps": 1},
        memory={"predict": predict},
        policy={"wait": 0.1, "retries": {"host_oom": 1}},
    )
    assert desk.sweep().code == (0 if predict else 1)
    found = [(row["micro_batch"], row["grad_accum"], row["verdict"]) for row in desk.attempts()]
    assert found == ladder
