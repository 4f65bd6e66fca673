"""`metrics.jsonl`: one line for each value, flushed as it is written. Standard library only."""

from __future__ import annotations

import json
import math
import os
import time
from collections.abc import Mapping
from pathlib import Path


class MetricsLog:
    """Appends values of a run. What is not finite is written as `nan`, `inf` or `-inf`: JSON has no such number."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("a", encoding="utf-8", buffering=1)

    def append(self, step: int, values: Mapping[str, float]) -> None:
        now = time.time()
        for name, value in values.items():
            self._file.write(json.dumps({"step": step, "name": name, "value": as_json(value), "time": now}) + "\n")

    def beat(self) -> None:
        """Show that the attempt lives, where there is nothing to log yet."""
        os.utime(self._file.fileno())

    def close(self) -> None:
        self._file.close()


def as_json(value: float) -> float | str:
    return value if math.isfinite(value) else str(float(value))
