"""What is recorded of an attempt's memory before it is launched, and which runs look to others of their shape."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from db.foreseen import Foreseen
from db.ledger import Ledger, RunRow
from db.records import BatchSplit
from db.verdicts import Failed, Measured
from runner.fitting import Room, fitting
from runner.foresight import Foresight
from runner.gpus import Gpu
from runner.predicted import GPU, HOST, Line, StepMemory, needed
from runner.prepare import PreparedRun
from runner.slots import Slot
from runner.training_work import Training
from sweeps.settings import Resources, RunSettings

GIB = 2**30
STEP = StepMemory(state=100, gradients=50, moments=(Line(fixed=1000.0, each=100.0),))
WHOLE, HALF = BatchSplit(micro=16, accum=1), BatchSplit(micro=8, accum=2)
GPUS = (Gpu(index=0, uuid="GPU-a", memory=80 * GIB), Gpu(index=1, uuid="GPU-b", memory=24 * GIB))
CPU_SLOT = Slot(device="cpu", name="cpu", env={}, descriptor=-1)


def training(seed: int = 0, shape: str = "s", memory: StepMemory | None = STEP) -> PreparedRun:
    settings = RunSettings(backbone="fno", backbone_config={}, tasks={"t": {}}, seed=seed)
    work = Training(
        run=settings,
        required_metrics=(),
        parameters=1,
        couples_samples=False,
        code_fingerprint="c",
        data_digest=None,
        shape=shape,
        memory=memory,
    )
    return PreparedRun(run_id=f"fno-{seed:012d}", label=str(seed), work=work, source=Path("/"))


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    made = Ledger(tmp_path / "ledger.db")
    yield made
    made.close()


def knows(ledger: Ledger, *, gpus: tuple[Gpu, ...] = (), memory: int | None = GIB, learns: bool = True) -> Foresight:
    room = (
        Room(place=GPU, limit_bytes=min(gpu.memory for gpu in gpus)) if gpus else Room(place=HOST, limit_bytes=memory)
    )
    return Foresight(ledger=ledger, room=room, resources=Resources(memory=memory), gpus=gpus, learns=learns, holds=True)


def opened(ledger: Ledger, run: PreparedRun, foreseen: Foreseen | None) -> int:
    row = RunRow(
        run_id=run.run_id,
        label=run.label,
        backbone="fno",
        settings=json.dumps(run.work.settings),
        effective_batch=16,
        planned_steps=200,
    )
    sweep = ledger.record_sweep(name="p", digest=run.label, file="f", profile=None, profile_reason="none", runs=[row])
    scheduler = ledger.record_scheduler(sweep_id=sweep, host="h", boot_id="b", pid=1)
    ledger.record_code(code_id="c", fingerprint="f", git_commit=None, git_diff=None)
    known = {"number": 1, "start_step": 0, "resumed_number": None, "launcher": "local", "device": "cpu", "code_id": "c"}
    return ledger.record_attempt(
        batch=WHOLE,
        foreseen=foreseen,
        nonce=run.run_id[4:].rjust(32, "0"),
        run_id=run.run_id,
        scheduler_id=scheduler,
        **known,
    )


def test_on_the_host_the_whole_worker_counts(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MALLOC_MMAP_THRESHOLD_", raising=False)
    found = knows(ledger).foreseen(training(), HALF, CPU_SLOT)
    predicted = needed(STEP, HALF, HOST)
    assert found == Foreseen(shape="s", device="cpu", room=GIB, predicted_memory=predicted)


@pytest.mark.parametrize("gpu", GPUS)
def test_on_a_gpu_it_is_the_memory_of_that_one_and_tensors_count_alone(ledger: Ledger, gpu: Gpu) -> None:
    slot = Slot(device="cuda", name=gpu.uuid, env={}, descriptor=-1)
    found = knows(ledger, gpus=GPUS).foreseen(training(), HALF, slot)
    assert found == Foreseen(shape="s", device="gpu", room=gpu.memory, predicted_memory=1000 + 800 + 50)


def test_what_was_not_rehearsed_is_recorded_without_a_prediction(ledger: Ledger) -> None:
    found = knows(ledger, memory=None).foreseen(training(memory=None), WHOLE, CPU_SLOT)
    assert found == Foreseen(shape="s", device="cpu", room=None, predicted_memory=None)


def test_a_run_starts_as_others_of_its_shape_were_seen_to_fit(ledger: Ledger) -> None:
    known = knows(ledger)
    others = knows(ledger, learns=False), knows(ledger, memory=None), knows(ledger, gpus=GPUS)
    assert known.first(training(1)).batch == WHOLE
    attempt = opened(ledger, training(), known.foreseen(training(), WHOLE, CPU_SLOT))
    known.forget()
    assert known.trial(training(1), WHOLE, {attempt}) == "attempt 1 of fno-000000000000"
    assert known.is_held(training(1))
    assert not known.is_held(training(1, shape="other"))
    assert known.trial(training(1), WHOLE, ()) is None, "nobody looks after it"
    verdict = Failed(kind="host_oom", because="too large", evidence=(), signal=9, oom_kills=1)
    ledger.record_verdict(attempt, verdict, Measured(memory_limit_reached=True))
    known.forget()
    assert known.trial(training(1), HALF, {attempt}) is None
    assert known.first(training(1)).batch == HALF
    assert known.first(training(1)).because == "micro batch 16 did not fit in attempt 1 of fno-000000000000"
    assert known.later(training(1), WHOLE) == HALF
    assert known.first(training(1, shape="other")).batch == WHOLE
    assert {other.first(training(1)).batch for other in others} == {WHOLE}, "off, without a limit, on other devices"


def test_a_batch_whose_windows_influence_each_other_is_never_cut() -> None:
    run = training()
    coupled = replace(run.work, couples_samples=True) if isinstance(run.work, Training) else run.work
    tight = Room(place=HOST, limit_bytes=needed(STEP, HALF, HOST))
    assert fitting(run.work, tight) == HALF
    assert fitting(coupled, tight) is None
    assert fitting(coupled, Room(place=HOST, limit_bytes=needed(STEP, WHOLE, HOST))) == WHOLE
    assert run.work.why_indivisible is None
    assert "another experiment" in (coupled.why_indivisible or "")
