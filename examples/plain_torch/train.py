"""A plain PyTorch script, as anyone writes them: arguments in, metrics.json out."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional

TRAINING, VALIDATION = 2048, 512


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    parser.add_argument("--lr", type=float, default=0.1)
    parser.add_argument("--batch", type=int, default=64, help="samples held at a time")
    parser.add_argument("--accum", type=int, default=1, help="batches in an optimizer step")
    parser.add_argument("--epochs", type=int, default=10)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=Path("out"))
    return parser.parse_args()


def make_data(count: int, seed: int) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    x = torch.randn(count, 8, generator=generator)
    noise = 0.1 * torch.randn(count, 1, generator=generator)
    return x, torch.sin(x[:, :1]) + 0.5 * x[:, 1:2] * x[:, 2:3] + noise


def main() -> None:
    args = parse()
    torch.manual_seed(args.seed)
    torch.set_num_threads(1)
    model = nn.Sequential(nn.Linear(8, 32), nn.ReLU(), nn.Linear(32, 1))
    optimizer = torch.optim.SGD(model.parameters(), lr=args.lr)
    x, y = make_data(TRAINING, seed=1)
    x_val, y_val = make_data(VALIDATION, seed=2)
    batch, accum = args.batch, args.accum
    steps = 0

    for epoch in range(args.epochs):
        total = 0.0
        for step in torch.randperm(TRAINING).split(batch * accum):
            for rows in step.split(batch):
                loss = functional.mse_loss(model(x[rows]), y[rows], reduction="sum") / len(step)
                loss.backward()
                total += loss.item() * len(step) / TRAINING
            optimizer.step()
            optimizer.zero_grad()
            steps += 1
        print(f"epoch {epoch + 1}: mse {total:.4f}")

    with torch.no_grad():
        val_mse = functional.mse_loss(model(x_val), y_val).item()
    args.out.mkdir(parents=True, exist_ok=True)
    metrics = {"val_mse": val_mse, "epochs": args.epochs, "steps": steps}
    (args.out / "metrics.json").write_text(json.dumps(metrics))


if __name__ == "__main__":
    main()
