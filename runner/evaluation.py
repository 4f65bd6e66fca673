"""Each task's score on the whole test split."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

import numpy as np
import torch

from db.errors import NonFiniteError, ShapeError
from db.records import Score
from db.strict import Invalid
from runner.gain import gain_at_least
from runner.model import Model
from runner.splits import Split, labelled_masks
from runner.step import predict, require_first_dim
from tasks.interface import Array, LabelTable, Task, Windows

Rows = dict[str, Array]


def evaluate(
    model: Model,
    test: Split,
    training: LabelTable,
    micro: int,
    precision: str,
    beat: Callable[[], None] | None = None,
) -> tuple[Score, ...]:
    """Predict every labelled window of the test split once, then score each task once.

    `beat` is called after each batch: a sign of life.

    Raises:
        NonFiniteError: a prediction or a score is not finite, or nothing was scored.
        DataError: a split that cannot be scored.
    """
    model.eval()
    masks = labelled_masks(model.tasks, test)
    pieces: dict[str, list[Rows]] = {name: [] for name in masks}
    with torch.inference_mode():
        for indices in test.by_system(micro):
            for name, rows in _rows(model, test, indices, masks, precision).items():
                pieces[name].append(rows)
            if beat is not None:
                beat()
    unit = _unit_of_rows(test, masks, micro)
    return tuple(_score(task, name, _joined(pieces[name]), unit[name], training) for name, task in model.tasks.items())


def _rows(model: Model, test: Split, indices: Array, masks: Mapping[str, Array], precision: str) -> dict[str, Rows]:
    """What each task's score needs to know of these windows, those without a label for it left out."""
    used = {name: mask[indices] for name, mask in masks.items() if mask[indices].any()}
    if not used:
        return {}
    windows = test.load(indices)
    predictions = predict(model, windows, list(used), precision)
    tasks = model.tasks
    return {
        name: {key: values[used[name]] for key, values in _task_rows(tasks[name], name, prediction, windows).items()}
        for name, prediction in predictions.items()
    }


def _task_rows(task: Task, name: str, prediction: torch.Tensor, windows: Windows) -> Rows:
    require_first_dim(prediction, len(windows), f"{name}: the prediction")
    if not torch.isfinite(prediction).all():
        raise NonFiniteError(f"{name}: predictions for the test split of {windows.system.name} are not finite")
    rows = dict(task.rows(prediction, task.target(windows), windows))
    for key, values in rows.items():
        if np.shape(values)[:1] != (len(windows),):
            raise ShapeError(f"{name}: rows[{key!r}] has shape {np.shape(values)} for {len(windows)} windows")
    return rows


def _joined(pieces: list[Rows]) -> Rows:
    return {key: np.concatenate([rows[key] for rows in pieces]) for key in pieces[0]}


def _unit_of_rows(test: Split, masks: Mapping[str, Array], micro: int) -> dict[str, Array | None]:
    """For each task, which bearing each of its rows is of, where that is known."""
    order = np.concatenate(list(test.by_system(micro)))
    unit = test.labels.unit
    return {name: None if unit is None else unit[order[mask[order]]] for name, mask in masks.items()}


def _score(task: Task, name: str, rows: Rows, unit: Array | None, training: LabelTable) -> Score:
    try:
        score = replace(task.score(rows, training), task=name, windows=max(map(len, rows.values()), default=0))
    except Invalid as invalid:
        raise NonFiniteError(f"{name}: its score cannot be believed: {invalid}") from invalid
    return score if unit is None else replace(score, gain_at_least=gain_at_least(task, rows, unit, training))
