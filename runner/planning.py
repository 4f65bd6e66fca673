"""`runner plan`: what each run of a sweep would need, and how its batch would have to be cut. Nothing is started."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from db.board import Board
from db.errors import Refused
from db.records import BatchSplit
from runner import show
from runner.failures import BY_WORD
from runner.fitting import Room, fitting, room, step_memory, with_room
from runner.gpus import find_gpus
from runner.past_errors import Kind, PastErrors, kind_of, read_past_errors
from runner.predicted import needed
from runner.prepare import PreparedRun, PreparedSweep, prepare
from runner.seen import NOTHING_SEEN, Seen, first_batch, seen_within
from runner.training_work import Training
from sweeps.settings import MOST_MEMORY
from sweeps.spec import read_sweep
from sweeps.units import bytes_of, duration, size


@dataclass(frozen=True, kw_only=True)
class PlannedRun:
    """One row. Bytes are predicted: at the batch in one piece, and at `micro_batch` windows at a time.

    Nothing stands where nothing is known: of commands, and of runs that could not be rehearsed. `fits` is whether there
    is a micro batch that does, `recompute` whether it computes activations anew; `seconds` is what the run's last
    success took; `prediction_error` is how far off it has been on such a device for the backbone with these tasks.
    `first_micro_batch` is what a first attempt would take now, and `first_because` why that is not the whole batch.
    """

    run: str
    label: str
    parameters: int | None
    batch: int
    predicted_peak_bytes: int | None
    fits: bool | None
    micro_batch: int | None
    grad_accum: int | None
    recompute: bool | None
    predicted_bytes: int | None
    first_micro_batch: int | None
    first_because: str
    seconds: float | None
    prediction_error: PastErrors | None
    unchecked: str | None


@dataclass(frozen=True, kw_only=True)
class PlannedSweep:
    sweep: str
    profile: str | None
    device: Literal["cpu", "gpu"]
    limit_bytes: int | None
    runs: tuple[PlannedRun, ...]

    @property
    def too_large(self) -> tuple[str, ...]:
        """Labels of the runs that do not fit, however their batch is cut."""
        return tuple(run.label for run in self.runs if run.fits is False)


def plan(
    file: Path,
    overrides: Sequence[str],
    *,
    profile: str | None,
    root: Path,
    gpu_memory: int | None = None,
    memory: int | None = None,
) -> PlannedSweep:
    """Check a sweep as `runner sweep` does, and say what its runs need.

    `gpu_memory` and `memory` are what an attempt has, of a GPU or of the host; without, what is here or what the file
    allows it.

    Raises:
        Refused: the file or an override cannot be used, or a check failed.
    """
    host = find_gpus()
    spec = read_sweep(file, overrides, profile=profile, gpus=host.count, known_kinds=BY_WORD)
    prepared = prepare(spec, root)
    return planned(prepared, room(prepared.resources, host.found, os.environ, gpu_memory, memory), root)


def typed_size(text: str | None, option: str) -> int | None:
    """The bytes that were typed for an option.

    Raises:
        Refused: it is no size.
    """
    if text is None:
        return None
    try:
        count = bytes_of(text)
    except ValueError as error:
        raise Refused(f"{option}: {error}") from None
    if not 0 < count <= MOST_MEMORY:
        raise Refused(f"{option}: {text} is no size that a memory has; write one such as 24GiB")
    return count


def planned(prepared: PreparedSweep, within: Room, root: Path) -> PlannedSweep:
    past = _read_past(prepared, within, root)
    return PlannedSweep(
        sweep=prepared.name,
        profile=prepared.profile,
        device=within.place.device,
        limit_bytes=within.limit_bytes,
        runs=tuple(planned_run(run, within, past, predicts=prepared.memory.predict) for run in prepared.runs),
    )


@dataclass(frozen=True, kw_only=True)
class Past:
    """What the ledger knows: the seconds of each run's last success, errors of predictions, what fitted by shape."""

    seconds: Mapping[str, float] = field(default_factory=dict)
    errors: Mapping[Kind, PastErrors] = field(default_factory=dict)
    seen: Mapping[str, Seen] = field(default_factory=dict)


def planned_run(run: PreparedRun, within: Room, past: Past, *, predicts: bool) -> PlannedRun:
    """Pure."""
    work, batch = with_room(run.work, within), run.work.effective_batch
    memory, split = step_memory(work), fitting(work, within)
    recompute = split is not None and isinstance(work, Training) and work.recomputes(split)
    whole = BatchSplit(micro=batch, accum=1)
    training = work if isinstance(work, Training) else None
    seen = past.seen.get(training.shape, NOTHING_SEEN) if training else NOTHING_SEEN
    first = first_batch(batch, split if predicts else None, seen)
    return PlannedRun(
        run=run.run_id,
        label=run.label,
        parameters=training.parameters if training else None,
        batch=batch,
        predicted_peak_bytes=needed(memory, whole, within.place) if memory else None,
        fits=(split is not None or bool(seen.fitted)) if memory else None,
        micro_batch=split.micro if split else None,
        grad_accum=split.accum if split else None,
        recompute=recompute if split else None,
        predicted_bytes=needed(memory, split, within.place, recompute=recompute) if memory and split else None,
        first_micro_batch=first.batch.micro if training else None,
        first_because=first.because,
        seconds=past.seconds.get(run.run_id),
        prediction_error=past.errors.get(kind_of(work.backbone, work.settings)),
        unchecked=run.unchecked,
    )


def _read_past(prepared: PreparedSweep, within: Room, root: Path) -> Past:
    if not (root / "ledger.db").is_file():
        return Past()
    board = Board(root / "ledger.db")
    took = board.rows("SELECT run, wall FROM attempts WHERE verdict = 'succeeded' ORDER BY run, attempt", ())
    past = Past(
        seconds={row["run"]: row["wall"] for row in took if row["wall"] is not None},
        errors=read_past_errors(board, within.place.device),
        seen=_seen(prepared, within, board) if prepared.memory.learn and board.knows_memory() else {},
    )
    board.close()
    return past


def _seen(prepared: PreparedSweep, within: Room, board: Board) -> dict[str, Seen]:
    limit, device = within.limit_bytes, within.place.device
    shapes = {run.work.shape for run in prepared.runs if isinstance(run.work, Training)}
    return {} if limit is None else {shape: seen_within(limit, board.sights(shape, device)) for shape in shapes}


def described(plan: PlannedSweep) -> str:
    """The table of `runner plan`, and what it is true of."""
    header = ("label", "run", "parameters", "batch", "peak", "micro batch", "its peak", "took", "has been off by")
    lines = [show.table(header, map(_row, plan.runs))]
    lines += [f"{run.label}: {run.unchecked}" for run in plan.runs if run.unchecked]
    lines += [
        f"{run.label}: would start with micro batch {run.first_micro_batch}: {run.first_because}"
        for run in plan.runs
        if run.first_micro_batch and run.first_micro_batch != (run.micro_batch or run.batch)
    ]
    what = "of a GPU, its context included" if plan.device == "gpu" else "of the host, anonymous"
    limit = "no limit is known" if plan.limit_bytes is None else f"{size(plan.limit_bytes)} are there"
    lines.append(f"peaks are predicted, in memory {what}; {limit}; nothing was started")
    if any(run.recompute for run in plan.runs):
        lines.append("anew: activations are computed once more in the backward pass instead of kept (memory.recompute)")
    if plan.too_large:
        lines.append(f"predicted to be too large, however the batch is cut: {', '.join(plan.too_large)}")
    if any(run.parameters is None for run in plan.runs):
        lines.append("nothing is predicted of commands: runner does not know what they do")
    return "\n".join(lines)


def _row(run: PlannedRun) -> tuple[object, ...]:
    cut = "too large" if run.fits is False else f"{run.micro_batch} x {run.grad_accum}" if run.micro_batch else "-"
    cut += " anew" if run.recompute else ""
    return (
        run.label,
        run.run,
        "-" if run.parameters is None else f"{run.parameters:,}",
        run.batch,
        size(run.predicted_peak_bytes),
        cut,
        size(run.predicted_bytes),
        duration(run.seconds),
        str(run.prediction_error or "-"),
    )
