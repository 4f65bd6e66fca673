"""The last number that it reports is NaN, and the line break after it is never written."""

import json

from faulting import Scene, failed

at = "end"
expected = failed("non_finite", saying="loss was nan at step 5")


def strike(scene: Scene) -> None:
    point = {"step": 5, "name": "loss", "value": "nan", "time": 1.0}
    with (scene.attempt / "metrics.jsonl").open("a") as metrics:
        metrics.write(json.dumps(point))
