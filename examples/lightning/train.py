"""A Lightning script that reads everything from --config_path; its curves go into a CSV file."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import lightning
import torch
import yaml
from lightning.pytorch.loggers import CSVLogger
from torch import Tensor, nn
from torch.nn import functional
from torch.utils.data import DataLoader, TensorDataset


class Forecaster(lightning.LightningModule):
    def __init__(self, width: int, lr: float) -> None:
        super().__init__()
        self.lr = lr
        self.net = nn.Sequential(nn.Linear(24, width), nn.GELU(), nn.Linear(width, 6))

    def training_step(self, batch: list[Tensor]) -> Tensor:
        past, future = batch
        loss = functional.mse_loss(self.net(past), future)
        self.log("train_mse", loss, on_step=False, on_epoch=True)
        return loss

    def validation_step(self, batch: list[Tensor]) -> None:
        past, future = batch
        self.log("val_mse", functional.mse_loss(self.net(past), future))

    def configure_optimizers(self) -> torch.optim.Optimizer:
        return torch.optim.Adam(self.parameters(), lr=self.lr)


def make_loader(first: int, count: int, batch_size: int, *, shuffle: bool = False) -> DataLoader[tuple[Tensor, ...]]:
    """Windows of a seasonal series, cut into what is known and what is to come."""
    time = torch.arange(first, first + count + 30, dtype=torch.float32)
    series = torch.sin(time / 4) + 0.5 * torch.sin(time / 11)
    windows = series.unfold(0, 30, 1)[:count]
    return DataLoader(TensorDataset(windows[:, :24], windows[:, 24:]), batch_size=batch_size, shuffle=shuffle)


def train(config: dict[str, Any]) -> None:
    lightning.seed_everything(config["seed"])
    size = config["data"]["batch_size"]
    out = Path(config["out"])
    trainer = lightning.Trainer(
        accelerator="cpu",
        default_root_dir=out,
        logger=CSVLogger(out, name="", version=""),
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        **config["trainer"],
    )
    trainer.fit(
        Forecaster(**config["model"]),
        make_loader(0, 512, size, shuffle=True),
        make_loader(600, 128, size),
    )


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--config_path", type=Path, required=True)
    train(yaml.safe_load(parser.parse_args().config_path.read_text()))
