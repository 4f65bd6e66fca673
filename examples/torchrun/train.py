"""Two ranks train one model, each on its own shard: torchrun --standalone --nproc-per-node 2 train.py ..."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import torch
from torch import Tensor, distributed, nn
from torch.nn import functional
from torch.nn.parallel import DistributedDataParallel

LENGTH, WIDTH, LAYERS = 4096, 64, 3


class Features(nn.Module):
    """The frequency of a signal. Each layer keeps WIDTH x LENGTH numbers of every sample until the backward pass."""

    def __init__(self) -> None:
        super().__init__()
        self.embed = nn.Conv1d(1, WIDTH, 16)
        self.gains = nn.Parameter(torch.randn(LAYERS, WIDTH, 1))
        self.head = nn.Linear(WIDTH, 1)

    def forward(self, x: Tensor) -> Tensor:
        h = self.embed(x)
        for gain in self.gains:
            h = functional.leaky_relu(h * gain, 0.5)
        prediction: Tensor = self.head(h.abs().mean(-1))
        return prediction


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    parser.add_argument("--shards", type=Path, default=Path("shards"), help="a folder with a RANK.json for each rank")
    parser.add_argument("--batch", type=int, default=32, help="samples that a rank holds at a time")
    parser.add_argument("--accum", type=int, default=1, help="batches in an optimizer step")
    parser.add_argument("--epochs", type=int, default=2)
    parser.add_argument("--out", type=Path, default=Path("out"))
    return parser.parse_args()


def read_shard(path: Path) -> tuple[Tensor, Tensor]:
    frequencies = torch.tensor(json.loads(path.read_text())["frequencies"])[:, None]
    phase = torch.linspace(0, 1, LENGTH) * 512
    return torch.sin(frequencies * phase)[:, None], frequencies


def train(args: argparse.Namespace, x: Tensor, y: Tensor) -> float:
    torch.manual_seed(0)
    model = DistributedDataParallel(Features())
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
    mean = torch.zeros(())
    for epoch in range(args.epochs):
        mean.zero_()
        for step in torch.arange(len(x)).split(args.batch * args.accum):
            optimizer.zero_grad()
            for rows in step.split(args.batch):
                loss = functional.mse_loss(model(x[rows]), y[rows], reduction="sum") / len(step)
                loss.backward()
                mean += loss.detach() * len(step) / len(x)
            optimizer.step()
        distributed.all_reduce(mean)
        mean /= distributed.get_world_size()
        print(f"rank {distributed.get_rank()}, epoch {epoch + 1}: mse {mean.item():.4f}")
    return mean.item()


def main() -> None:
    args = parse()
    torch.set_num_threads(1)
    distributed.init_process_group("gloo")
    mse = train(args, *read_shard(args.shards / f"{distributed.get_rank()}.json"))
    if distributed.get_rank() == 0:
        args.out.mkdir(parents=True, exist_ok=True)
        (args.out / "metrics.json").write_text(json.dumps({"train_mse": mse, "epochs": args.epochs}))
    distributed.barrier()  # a rank that leaves while another still works may take it along
    distributed.destroy_process_group()


if __name__ == "__main__":
    main()
