"""A task that a scenario of `tests/faults` strikes, inside our own worker."""

from __future__ import annotations

import atexit
import json
import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from faulting import Scene, load

from db.records import Score
from tasks.interface import Array, LabelTable, System
from tasks.signal_prediction import SignalPrediction


class Struck(SignalPrediction):
    @dataclass(frozen=True, kw_only=True)
    class Config(SignalPrediction.Config):
        scenario: str

    def __init__(self, config: Config, width: int, systems: Sequence[System]) -> None:
        super().__init__(config, width, systems)
        self.scenario = load(config.scenario)
        if torch.get_default_device().type == "meta":  # looked at, not trained
            return
        attempt = Path(os.environ["RUNNER_ATTEMPT_DIR"])
        self.scene = Scene(body="worker", attempt=attempt, out=attempt, result=attempt / "result.json")
        atexit.register(self.at_end)
        self.scenario.at_moment("start", self.scene)

    def loss(self, prediction: Tensor, target: Tensor) -> Tensor:
        scene = self.scene
        scene.step += 1  # the batch is never cut here, so each step has one loss
        scene.loss, scene.prediction, scene.target = super().loss(prediction, target), prediction, target
        scene.model = self
        self.scenario.at_moment("step", scene)
        loss_B: Tensor = scene.loss
        return loss_B

    def score(self, rows: Mapping[str, Array], training: LabelTable) -> Score:
        honest = super().score(rows, training)
        self.scene.metric = honest.value
        self.scenario.at_moment("result", self.scene)
        return replace(honest, value=self.scene.metric)

    def at_end(self) -> None:
        if self.complete():
            self.scenario.at_moment("end", self.scene)

    def complete(self) -> bool:
        if not self.scene.result.exists():
            return False
        result: dict[str, Any] = json.loads(self.scene.result.read_bytes())
        return result["error"] is None
