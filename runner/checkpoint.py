"""Checkpoints: `checkpoints/<step>/` with `state.safetensors` and `checkpoint.json`. Nothing is ever unpickled.

The folder is written beside and renamed into place, so that one that is there is whole. The position in the data is the
number of completed optimizer steps, and so is the learning rate's; both hold for any micro batch.
"""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from db.errors import ConfigError
from db.records import VERSION, ResumeFrom
from runner.attempt_dir import BadRecord, read_record, write_record
from runner.model import Model
from runner.optimizer import AdamW
from runner.random_state import RandomState, read_random_state, restore_random_state
from runner.regular_file import reading

_TENSORS = "state.safetensors"
_RECORD = "checkpoint.json"
KEPT = 2


@dataclass(frozen=True, kw_only=True)
class Checkpoint:
    """`checkpoint.json`. `step` counts completed optimizer steps; `run_id` is the hash of the run's settings."""

    run_id: str
    step: int
    learning_rate: float
    sha256: str
    random: RandomState
    version: int = VERSION


def save(folder: Path, run_id: str, step: int, model: Model, optimizer: AdamW) -> Path:
    """Write the state after `step` completed steps, and drop all but the newest two.

    Raises:
        OSError: the disk is full, say; no checkpoint appears then.
    """
    folder.mkdir(exist_ok=True)
    temporary = folder / f".{step}"
    shutil.rmtree(temporary, ignore_errors=True)
    temporary.mkdir()
    tensors = {**_named("model", model.state_dict()), **_named("optimizer", optimizer.tensors())}
    save_file(tensors, temporary / _TENSORS)
    _sync(temporary / _TENSORS)
    record = Checkpoint(
        run_id=run_id,
        step=step,
        learning_rate=optimizer.rate,
        sha256=file_hash(temporary / _TENSORS),
        random=read_random_state(),
    )
    write_record(temporary / _RECORD, record)
    place = folder / str(step)
    shutil.rmtree(place, ignore_errors=True)
    temporary.rename(place)
    _sync(folder)
    for old in saved_steps(folder)[:-KEPT]:
        shutil.rmtree(folder / str(old))
    return place


def restore(place: Path, run_id: str, source: ResumeFrom, model: Model, optimizer: AdamW) -> None:
    """Put model, optimizer and random generators into the state of the checkpoint at `place`.

    Raises:
        ConfigError: it is not there, not whole, or not the one that was asked for.
    """
    try:
        record = read_record(place / _RECORD, Checkpoint)
        found = file_hash(place / _TENSORS)
    except (OSError, BadRecord) as error:
        raise ConfigError(f"cannot resume from {place}: {error}") from error
    if found != record.sha256 or found != source.sha256:
        raise ConfigError(f"cannot resume from {place}: {_TENSORS} has SHA-256 {found}, expected {source.sha256}")
    if record.step != source.step or record.run_id != run_id:
        raise ConfigError(
            f"cannot resume from {place}: it is step {record.step} of {record.run_id}, "
            f"expected step {source.step} of {run_id}"
        )
    tensors = load_file(place / _TENSORS)
    model.load_state_dict(_part(tensors, "model"), strict=True)
    optimizer.restore(_part(tensors, "optimizer"))
    restore_random_state(record.random)


def saved_steps(folder: Path) -> list[int]:
    """The steps of which there is a whole checkpoint, in rising order."""
    if not folder.is_dir():
        return []
    return sorted(int(entry.name) for entry in folder.iterdir() if entry.name.isdecimal())


def file_hash(path: Path) -> str:
    """SHA-256 of a file."""
    digest = hashlib.sha256()
    with reading(path) as file:
        while block := file.read(2**20):
            digest.update(block)
    return digest.hexdigest()


def _named(prefix: str, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {f"{prefix}.{name}": _own(tensor) for name, tensor in tensors.items()}


def _own(tensor: Tensor) -> Tensor:
    """A copy that shares its memory with no other tensor, as safetensors wants it."""
    return tensor.detach().cpu().clone(memory_format=torch.contiguous_format)


def _part(tensors: dict[str, Tensor], prefix: str) -> dict[str, Tensor]:
    start = prefix + "."
    return {name[len(start) :]: tensor for name, tensor in tensors.items() if name.startswith(start)}


def _sync(path: Path) -> None:
    """Bring a file or folder to the disk."""
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
