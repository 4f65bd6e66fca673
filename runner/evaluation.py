"""Each task's score on the whole test split."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from functools import partial

import numpy as np
import torch

from db.errors import NonFiniteError, ShapeError
from db.records import Score
from db.strict import Invalid
from runner.gain import gain_at_least
from runner.model import Model
from runner.sign_patterns import OF_MEMORY
from runner.splits import Split, labelled_masks
from runner.step import predict, require_first_dim
from runner.worker_result import describe_error
from tasks.interface import Array, LabelTable, Task, Windows

Rows = dict[str, Array]


def evaluate(
    model: Model,
    test: Split,
    training: LabelTable,
    micro: int,
    precision: str,
    begin: Callable[[int], None] | None = None,
    beat: Callable[[], None] | None = None,
) -> tuple[Score, ...]:
    """Predict every labelled window of the test split once, then score each task once.

    At first `micro` windows at a time, half as many whenever memory does not suffice: no score depends on it. `begin`
    is told how many before the first of so many; `beat` is called after each batch: a sign of life.

    Raises:
        NonFiniteError: a prediction or a score is not finite, or nothing was scored.
        DataError: a split that cannot be scored.
    """
    model.eval()
    masks = labelled_masks(model.tasks, test)
    pieces: dict[str, list[Rows]] = {name: [] for name in masks}
    with torch.inference_mode():
        for each in _in_pieces(test, micro, partial(_rows, model, test, masks, precision), begin or _nothing):
            for name, rows in each.items():
                pieces[name].append(rows)
            if beat is not None:
                beat()
    unit = _unit_of_rows(test, masks)
    return tuple(_score(task, name, _joined(pieces[name]), unit[name], training) for name, task in model.tasks.items())


def _nothing(micro: int) -> None:
    del micro


def _in_pieces(
    test: Split, micro: int, predict_rows: Callable[[Array], dict[str, Rows]], begin: Callable[[int], None]
) -> Iterator[dict[str, Rows]]:
    """The rows of every window, in the split's order of systems, however often the pieces have to be halved."""
    begin(micro)
    for windows in test.by_system(len(test.labels)):
        done = 0
        while done < len(windows):
            piece = windows[done : done + micro]
            rows = _where_it_fits(predict_rows, piece)
            if rows is None:
                micro = len(piece) // 2
                begin(micro)
            else:
                done += len(piece)
                yield rows


def _where_it_fits(predict_rows: Callable[[Array], dict[str, Rows]], piece: Array) -> dict[str, Rows] | None:
    """Nothing where memory does not suffice, unless for a single window: the error then ends the attempt.

    What was allocated is free once this has returned, for the error that holds it is gone.
    """
    try:
        return predict_rows(piece)
    except (MemoryError, RuntimeError) as error:
        if len(piece) == 1 or describe_error(error).kind not in OF_MEMORY:
            raise
    return None


def _rows(model: Model, test: Split, masks: Mapping[str, Array], precision: str, indices: Array) -> dict[str, Rows]:
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


def _unit_of_rows(test: Split, masks: Mapping[str, Array]) -> dict[str, Array | None]:
    """For each task, which bearing each of its rows is of, where that is known."""
    order = np.concatenate(list(test.by_system(len(test.labels))))
    unit = test.labels.unit
    return {name: None if unit is None else unit[order[mask[order]]] for name, mask in masks.items()}


def _score(task: Task, name: str, rows: Rows, unit: Array | None, training: LabelTable) -> Score:
    try:
        score = replace(task.score(rows, training), task=name, windows=max(map(len, rows.values()), default=0))
    except Invalid as invalid:
        raise NonFiniteError(f"{name}: its score cannot be believed: {invalid}") from invalid
    return score if unit is None else replace(score, gain_at_least=gain_at_least(task, rows, unit, training))
