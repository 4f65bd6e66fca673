"""Puts a named pipe, into which nobody writes, in the place of its reported metrics."""

import os

from faulting import Scene, failed

at = "end"
expected = failed("bad_result", saying="metrics.jsonl cannot be read: it is not a regular file")


def strike(scene: Scene) -> None:
    metrics = scene.attempt / "metrics.jsonl"
    metrics.unlink(missing_ok=True)
    os.mkfifo(metrics)
