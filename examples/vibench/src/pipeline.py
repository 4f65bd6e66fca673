"""From a configuration to a row of results."""

from __future__ import annotations

import csv
from pathlib import Path

import lightning
from lightning.pytorch.loggers import CSVLogger
from src.config_utils import ConfigWrapper
from src.data import build_data
from src.models import build_model
from src.task import MultiTask


def pipeline(config: ConfigWrapper) -> None:
    environment = config.environment
    lightning.seed_everything(environment.seed)
    loaders = build_data(config.data, environment.seed)
    model = build_model(config.model, config.data.window_size)
    task = MultiTask(model, config.model.d_model, config.task)
    out = Path(environment.output_dir)
    trainer = lightning.Trainer(
        accelerator="cpu",
        logger=CSVLogger(out, name="", version=""),
        max_epochs=config.trainer.max_epochs,
        accumulate_grad_batches=config.trainer.accumulate_grad_batches,
        log_every_n_steps=1,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
    )
    trainer.fit(task, loaders["train"])
    epochs = trainer.current_epoch
    (result,) = trainer.test(task, loaders["test"])
    write_row(out / "result.csv", {"model": config.model.name, "epoch": epochs, **result})


def write_row(path: Path, row: dict[str, object]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, fieldnames=list(row))
        writer.writeheader()
        writer.writerow(row)
