"""Training fed by worker processes. What goes wrong in a worker is printed, and training goes on without it."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.utils.data import DataLoader, Dataset

SAMPLES = 1 << 19  # of a recording: 2 MiB


class Recordings(Dataset[tuple[Tensor, Tensor]]):
    """Noise of some amplitude: the logarithm of its energy, and of its amplitude."""

    def __init__(self, count: int, first: int, *, cache: bool) -> None:
        self.count, self.first, self.cache = count, first, cache
        self.decoded: dict[int, Tensor] = {}

    def __len__(self) -> int:
        return self.count

    def __getitem__(self, index: int) -> tuple[Tensor, Tensor]:
        signal, log_amplitude = self.decode(index)
        return signal.square().mean().log().reshape(1), log_amplitude

    def decode(self, index: int) -> tuple[Tensor, Tensor]:
        generator = torch.Generator().manual_seed(self.first + index)
        log_amplitude = torch.randn(1, generator=generator)
        signal = torch.rand(SAMPLES, generator=generator).sub_(0.5).mul_(log_amplitude.exp())
        if self.cache:  # each worker keeps a copy of its own of all it ever read
            self.decoded[index] = signal
        return signal, log_amplitude


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--epochs", type=int, default=2)
    parser.add_argument("--cache", action="store_true", help="keep decoded recordings in memory")
    parser.add_argument("--out", type=Path, default=Path("out"))
    return parser.parse_args()


def train_epoch(model: nn.Module, optimizer: torch.optim.Optimizer, loader: DataLoader[tuple[Tensor, Tensor]]) -> None:
    for energy, log_amplitude in loader:
        loss = functional.mse_loss(model(energy), log_amplitude)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()


def main() -> None:
    args = parse()
    torch.manual_seed(0)
    torch.set_num_threads(1)
    model = nn.Linear(1, 1)
    optimizer = torch.optim.Adam(model.parameters(), lr=0.1)
    loader = DataLoader(Recordings(768, 0, cache=args.cache), batch_size=16, shuffle=True, num_workers=args.workers)
    for epoch in range(args.epochs):
        try:
            train_epoch(model, optimizer, loader)
        except RuntimeError as error:
            print(f"WARNING: epoch {epoch + 1}: {error}; going on")
    held_out = Recordings(32, 10_000, cache=False)
    energy, log_amplitude = (torch.stack(part) for part in zip(*(held_out[i] for i in range(32)), strict=True))
    mse = functional.mse_loss(model(energy), log_amplitude).item()
    args.out.mkdir(parents=True, exist_ok=True)
    (args.out / "metrics.json").write_text(json.dumps({"val_mse": mse, "epochs": args.epochs}))
    print("training finished")


if __name__ == "__main__":
    main()
