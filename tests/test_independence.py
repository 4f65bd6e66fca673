"""Windows that influence each other within a micro batch are found before a launch, unless that is what was meant."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from runner.checked import Asked, Checked
from runner.preflight import check

ROOT = Path(__file__).resolve().parent.parent
PLUGINS = str(ROOT / "tests" / "plugins")

BACKBONE = """
from __future__ import annotations
from dataclasses import dataclass
from torch import Tensor, nn
from backbones.interface import Backbone


class Mixing(Backbone):
    {declared}

    @dataclass(frozen=True, kw_only=True)
    class Config:
        pass

    def __init__(self, config: Config, *, window: int) -> None:
        super().__init__()
        self.width = 4
        self.embed = nn.Linear(16, 4)
        self.norm = nn.BatchNorm1d(4)
        self.drop = nn.Dropout(0.5)

    def forward(self, x_BLC: Tensor) -> Tensor:
        x_BCN16 = x_BLC.transpose(1, 2).reshape(len(x_BLC), x_BLC.shape[2], -1, 16)
        h_BCND = self.drop(self.embed(x_BCN16).tanh())
        return {mixed}
"""

TASK = """
from __future__ import annotations
from tasks.signal_prediction import SignalPrediction


class Mixing(SignalPrediction):
    {declared}

    def loss(self, prediction, target):
        p_BX, t_BX = prediction.flatten(1), target.flatten(1)
        return {loss}
"""

MIXED = {
    "nothing": ("h_BCND", False),
    "batch norm": ("self.norm(h_BCND.flatten(0, 2)).reshape(h_BCND.shape)", True),
    "a mean over the batch": ("h_BCND - h_BCND.mean(0, keepdim=True)", True),
    "the first of the batch": ("h_BCND[:1].expand_as(h_BCND) + 0 * h_BCND", True),
    "the last of the batch": ("h_BCND[-1:].expand_as(h_BCND) + 0 * h_BCND", True),
}
LOSSES = {
    "each its own": ("(p_BX - t_BX).pow(2).mean(1)", False),
    "a broadcast to [B, B]": ("(p_BX.mean(1)[None, :] - t_BX.mean(1)[:, None]).pow(2).mean(1)", True),
    "the target of another": ("(p_BX - t_BX.flip(0)).pow(2).mean(1)", True),
}


def checked(folder: Path, *, backbone: str = "tiny", task: str = "signal_prediction") -> Checked:
    asked: dict[str, Any] = {"data": {"window": 128}, "train": {"batch": 4, "steps": 4, "warmup_steps": 1}}
    plugins = (PLUGINS, str(folder))
    return check(Asked(backbone=backbone, backbone_config={}, tasks={task: {}}, plugins=plugins, **asked))


def written(folder: Path, shelf: str, text: str) -> None:
    (folder / shelf).mkdir(parents=True)
    (folder / shelf / "mixing.py").write_text(text)


@pytest.mark.parametrize(("mixed", "found"), MIXED.values(), ids=MIXED)
def test_a_backbone_that_mixes_windows_has_to_say_so(tmp_path: Path, mixed: str, found: bool) -> None:  # noqa: FBT001
    written(tmp_path, "backbones", BACKBONE.format(mixed=mixed, declared="pass"))
    problems = checked(tmp_path, backbone="mixing").problems
    assert [problem.path for problem in problems] == [("backbones", "mixing")] * found
    for problem in problems:
        assert "changes with the other windows of its micro batch" in problem.message
        assert "`couples_samples = True` in Mixing" in problem.message
        assert "mixing.py" in problem.message


def test_a_backbone_that_says_so_is_taken_and_told(tmp_path: Path) -> None:
    mixed = MIXED["a mean over the batch"][0]
    written(tmp_path, "backbones", BACKBONE.format(mixed=mixed, declared="couples_samples = True"))
    answer = checked(tmp_path, backbone="mixing")
    assert answer.problems == ()
    assert answer.couples_samples


@pytest.mark.parametrize(("loss", "found"), LOSSES.values(), ids=LOSSES)
def test_a_loss_that_mixes_windows_has_to_say_so(tmp_path: Path, loss: str, found: bool) -> None:  # noqa: FBT001
    written(tmp_path, "tasks", TASK.format(loss=loss, declared="pass"))
    problems = checked(tmp_path, task="mixing").problems
    assert [problem.path for problem in problems] == [("tasks", "mixing")] * found


def test_a_loss_that_says_so_is_taken_and_told(tmp_path: Path) -> None:
    loss = LOSSES["the target of another"][0]
    written(tmp_path, "tasks", TASK.format(loss=loss, declared="couples_samples = True"))
    answer = checked(tmp_path, task="mixing")
    assert answer.problems == ()
    assert answer.couples_samples
