"""Cutting the batches of a sweep's runs so that their steps fit, as far as can be predicted. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from db.records import BatchSplit
from runner.gpus import Gpu
from runner.predicted import GPU, HOST, TIDY_HOST, Place, StepMemory
from runner.prepare import PreparedRun, PreparedSweep
from runner.recompute import Fit, fit
from runner.training_work import Training
from runner.work import Work
from sweeps.settings import Resources


@dataclass(frozen=True, kw_only=True)
class Room:
    """Where an attempt's tensors lie, and its memory there; nothing where no limit is known."""

    place: Place
    limit_bytes: int | None


def room(
    resources: Resources,
    gpus: Sequence[Gpu],
    environment: Mapping[str, str],
    gpu_memory: int | None = None,
    memory: int | None = None,
) -> Room:
    """What was typed comes first, then the smallest GPU that is here, then the file's limit.

    `environment` is what attempts inherit.
    """
    if memory is None and gpu_memory is None and gpus and resources.gpus == "auto":
        gpu_memory = min(gpu.memory for gpu in gpus)
    if gpu_memory is not None:
        return Room(place=GPU, limit_bytes=gpu_memory)
    host = TIDY_HOST if environment.get("MALLOC_MMAP_THRESHOLD_") else HOST
    return Room(place=host, limit_bytes=resources.memory if memory is None else memory)


def step_memory(work: Work) -> StepMemory | None:
    """Nothing of commands, and of trainings that could not be rehearsed."""
    return work.memory if isinstance(work, Training) else None


def fitting(work: Work, within: Room) -> BatchSplit | None:
    """The largest micro batch that fits, the whole batch where no limit is known; nothing where none fits, where only a
    part would and the batch cannot be divided, or of work whose memory is not known.
    """
    memory = step_memory(work)
    if memory is None:
        return None
    if within.limit_bytes is None:
        return BatchSplit(micro=work.effective_batch, accum=1)
    found = _fit(work, within)
    divided = found is not None and found.batch.accum > 1
    return found.batch if found and not (divided and work.why_indivisible) else None


def with_room(work: Work, within: Room) -> Work:
    """The work, knowing which micro batches have to compute activations anew there."""
    found = _fit(work, within)
    return replace(work, predicted_up_to=found.recompute_up_to) if found and isinstance(work, Training) else work


def _fit(work: Work, within: Room) -> Fit | None:
    if not isinstance(work, Training) or work.memory is None or within.limit_bytes is None:
        return None
    return fit(work.memory, work.effective_batch, within.limit_bytes, within.place, work.recompute)


def fitted(sweep: PreparedSweep, within: Room) -> PreparedSweep:
    """The sweep with the first attempt of each run cut to fit. What fits at no micro batch is not cut: a prediction is
    no verdict, and the run will show.
    """
    return replace(sweep, runs=tuple(_fitted(run, within) for run in sweep.runs))


def _fitted(run: PreparedRun, within: Room) -> PreparedRun:
    return replace(run, cut=fitting(run.work, within), work=with_room(run.work, within))


def said_of_room(sweep: PreparedSweep, within: Room) -> Sequence[str]:
    """Which runs are predicted to fit at no micro batch: they are tried all the same, with the whole batch."""
    lost = [run.label for run in sweep.runs if within.limit_bytes and step_memory(run.work) and run.cut is None]
    told = "predicted not to fit, however the batch is cut; tried all the same, for a prediction is no verdict"
    return (f"{', '.join(lost)}: {told}",) if lost else ()
