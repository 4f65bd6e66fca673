"""`runner report`: what a shell script says of its own attempt. Light: it starts many times in an attempt."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from db.errors import Refused, RunnerError
from runner import report


@dataclass(frozen=True, kw_only=True)
class Said:
    """The options of one `runner report`, as they were typed."""

    metrics: Sequence[str]
    step: int | None
    done: bool
    steps: int | None
    failed: str | None
    kind: str | None


def pass_on(said: Said) -> None:
    """Say it to the attempt that this process belongs to; outside of any, only look whether it could be said.

    Raises:
        Refused: it cannot be said like this; nothing was.
        RunnerError: the attempt's folder cannot be used.
    """
    _require_sense(said)
    values = _values(said.metrics)
    try:
        if said.done:
            report.done(values, steps=said.steps)
            return
        if values:
            report.metrics(said.step, values)
        if said.failed is not None:
            report.failed(said.failed, said.kind or "crashed")
    except ValueError as error:
        raise Refused(str(error)) from None
    except report.AttemptFolderError as error:
        raise RunnerError(str(error)) from None


def _require_sense(said: Said) -> None:
    failed = said.failed is not None
    senseless = {
        "nothing to report: give --metric NAME=VALUE, --done or --failed MESSAGE": not (
            said.metrics or said.done or failed
        ),
        "--done and --failed contradict each other; give one of them": said.done and failed,
        "--step is of a point on a curve, what --done holds is a result; give one of them": said.done
        and said.step is not None,
        "--step needs a --metric": said.step is not None and not said.metrics,
        "--steps goes with --done": said.steps is not None and not said.done,
        "--kind goes with --failed": said.kind is not None and not failed,
    }
    for sentence, holds in senseless.items():
        if holds:
            raise Refused(sentence)


def _values(metrics: Sequence[str]) -> dict[str, float]:
    values: dict[str, float] = {}
    for metric in metrics:
        name, text = (part.strip() for part in metric.partition("=")[::2])
        if name in values:
            raise Refused(f"--metric {metric}: `{name}` is given twice")
        try:
            values[name] = float(text.replace("_", "?"))  # Python takes 1_000 for a number, nobody else does
        except ValueError:
            raise Refused(f"--metric {metric}: expected NAME=NUMBER, mse=0.31 for instance") from None
    return values
