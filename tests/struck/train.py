"""A training in plain Python that a scenario strikes. Arguments: scenario, body, output folder.

As `command` it leaves `history.jsonl` and `metrics.json` and knows nothing of any runner; as `reporter` it reports.
Like many a training it remembers the best loss, which no NaN replaces.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from faulting import STEPS, Body, Scenario, Scene, load

from runner import report


def main() -> None:
    name, body, out = sys.argv[1:]
    attempt = Path(os.environ["RUNNER_ATTEMPT_DIR"])
    result = attempt / "result.json" if body == "reporter" else Path(out) / "metrics.json"
    scene = Scene(body=cast("Body", body), attempt=attempt, out=Path(out), result=result)
    if body == "reporter":
        with report.errors():
            train(load(name), scene, tell=report.metrics, finish=report.done)
    else:
        train(load(name), scene, tell=write_history(scene.out / "history.jsonl"), finish=write_metrics(result))
    load(name).at_moment("end", scene)


def train(scenario: Scenario, scene: Scene, *, tell: Callable[..., None], finish: Callable[..., None]) -> None:
    best = float("inf")
    scenario.at_moment("start", scene)
    for scene.step in range(1, STEPS + 1):
        scene.loss = 1.0 / scene.step
        scenario.at_moment("step", scene)
        tell(scene.step, loss=scene.loss)
        print(f"step {scene.step} of {STEPS}: {scene.loss}")
        best = min(best, scene.loss)
    scene.metric = best
    scenario.at_moment("result", scene)
    finish(steps=STEPS, mse=scene.metric)
    print("training finished")


def write_history(path: Path) -> Callable[..., None]:
    def tell(step: int, **values: Any) -> None:
        with path.open("a") as file:
            file.write(json.dumps({"step": step, **values}) + "\n")

    return tell


def write_metrics(path: Path) -> Callable[..., None]:
    def finish(**values: Any) -> None:
        path.write_text(json.dumps(values))

    return finish


if __name__ == "__main__":
    main()
