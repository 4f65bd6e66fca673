"""Following an attempt's `metrics.jsonl` while it grows. It feeds curves, progress, evidence; it decides nothing."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from runner.regular_file import reading

CHUNK = 4 * 2**20
MAX_STEP = 2**62


@dataclass
class MetricsFeed:
    """Where reading has got to, the latest value of each name, and the first that was not finite.

    Reading from the start again does no harm. `unreadable` is why it cannot be read, where something else lies there.
    """

    path: Path
    offset: int = 0
    latest: dict[str, float] = field(default_factory=dict)
    step: int = 0
    non_finite: str | None = None
    unreadable: str | None = None

    def read_new(self, *, ended: bool = False) -> list[dict[str, Any]]:
        """The points of all lines completed since the last call; a torn last line waits for its end.

        Once its writers have `ended`, that line is read as it is: what is torn is no metric, what lacks only its line
        break is one.
        """
        points: list[dict[str, Any]] = []
        while lines := self._complete_lines(ended=ended):
            points += [point for line in lines if (point := parse_point(line))]
        for point in points:
            self.latest[point["name"]] = math.nan if point["value"] is None else point["value"]
            self.step = max(self.step, point["step"])
            if point["non_finite"] and self.non_finite is None:
                self.non_finite = f"{point['name']} was {point['non_finite']} at step {point['step']}"
        return points

    def _complete_lines(self, *, ended: bool) -> list[bytes]:
        self.unreadable = None
        try:
            with reading(self.path) as file:
                file.seek(self.offset)
                chunk = file.read(CHUNK)
        except (FileNotFoundError, NotADirectoryError):
            return []
        except OSError as fault:
            self.unreadable = f"{self.path.name} cannot be read: {fault.strerror}"
            return []
        end = chunk.rfind(b"\n") + 1
        if end == 0 and (ended or len(chunk) == CHUNK):
            end = len(chunk)  # nothing more comes, or a line that is too long for a metric
        self.offset += end
        return chunk[:end].splitlines()


def parse_point(line: bytes) -> dict[str, Any] | None:
    """`{step, name, value, non_finite, time}` of one line, or None where it is not a metric."""
    try:
        data = json.loads(line)
        step, name, value, time = (data[key] for key in ("step", "name", "value", "time"))
    except (ValueError, KeyError, TypeError, RecursionError):
        return None
    numbers = all(isinstance(item, (int, float)) and not isinstance(item, bool) for item in (step, time))
    if not numbers or not isinstance(name, str) or not 0 <= step <= MAX_STEP or not abs(time) <= MAX_STEP:
        return None
    point = {"step": int(step), "name": name[:200], "time": float(time), "value": None, "non_finite": None}
    return next(_with_value(point, value), None)


def _with_value(point: dict[str, Any], value: object) -> Iterator[dict[str, Any]]:
    if value in ("nan", "inf", "-inf"):
        yield {**point, "non_finite": value}
    elif isinstance(value, (int, float)) and not isinstance(value, bool):
        number = float(value) if abs(value) <= 1.7e308 else math.inf
        if math.isfinite(number):
            yield {**point, "value": number}
        else:
            yield {**point, "non_finite": "nan" if math.isnan(number) else "inf" if value > 0 else "-inf"}
