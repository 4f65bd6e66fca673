"""Predicted against measured memory of training steps on the CPU, over all backbones and several windows and batches.

    python benchmarks/memory_prediction.py [BACKBONE ...] [--most 1GiB]

Measured is what the kernel counts: a process of its own trains with the worker's code, a step of one window and then
one of the whole batch, and its anonymous memory at the peak of the second is compared with that after the first. Shown
are steps predicted to need between 256 MiB and `--most`. glibc's threshold for mmap is fixed: left alone, it rises with
what is freed, and freed memory then stays with the process. Exits with 1 where an error is beyond its bound.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

import backbones.registry
import tasks.registry
from db.records import BatchSplit
from db.strict import to_record
from runner import splits
from runner.memory import MemoryPeak, anonymous_memory
from runner.model import build
from runner.optimizer import AdamW
from runner.parts import Part, Parts
from runner.rehearsal import rehearse
from runner.training import Training, train
from sweeps.settings import DataSettings, RunSettings, TrainSettings
from sweeps.units import bytes_of, size
from tasks.interface import Array, LabelTable, System, Windows

TASKS: Mapping[str, Mapping[str, Any]] = {
    name: {} for name in ("anomaly_detection", "classification", "rul_prediction", "signal_prediction")
}
WINDOWS = (1024, 4096)
BATCHES = (64, 128, 256, 1024)
CUT = 64
"""Of this one also twice as many windows are trained, in two pieces."""
ANEW = 256
"""From this one on it is also trained with activations computed anew, where the backbone can."""
LEAST = 256 * 2**20
MEDIAN, WORST, UNDER = 0.05, 0.15, -0.05
"""Bounds of the relative error; `UNDER` for every step, `WORST` for those whose shapes do not depend on data."""
DEPENDS_ON_DATA = ("timesnet",)
SYSTEM = System(id=1, name="noise", channels=2, sample_rate=1000.0, classes=4)
MMAP_FROM = str(64 * 2**10)


@dataclass(frozen=True, kw_only=True)
class Case:
    backbone: str
    window: int
    batch: int
    accum: int = 1
    recompute: bool = False

    @property
    def run(self) -> RunSettings:
        return RunSettings(
            backbone=self.backbone,
            backbone_config={},
            tasks=TASKS,
            data=DataSettings(window=self.window),
            train=TrainSettings(batch=self.batch * self.accum, steps=1, warmup_steps=0),
        )


class Noise:
    """Recordings that hold nothing but noise, every window labelled for every task."""

    systems = (SYSTEM,)

    def __init__(self, window: int, future: int, count: int) -> None:
        self._lengths = window, future
        label = np.arange(count) % SYSTEM.classes
        self._labels = LabelTable(system=np.full(count, SYSTEM.id), label=label, rul=np.linspace(0, 1, count))

    def labels(self, split: splits.SplitName) -> LabelTable:
        del split
        return self._labels

    def load(self, split: splits.SplitName, indices: Array) -> Windows:
        del split
        window, future = self._lengths
        return Windows(
            system=SYSTEM,
            x_BLC=torch.randn(len(indices), window, SYSTEM.channels),
            future_BHC=torch.randn(len(indices), future, SYSTEM.channels),
            label_B=torch.from_numpy(self._labels.label[indices]),
            rul_B=torch.from_numpy(self._labels.rul[indices].astype(np.float32)),
        )


@dataclass(frozen=True)
class First:
    """The first windows, at every step."""

    batch: int

    def step(self, step: int) -> Array:
        del step
        return np.arange(self.batch)


class Silent:
    """Hears of steps and keeps nothing."""

    def log(self, step: int, values: Mapping[str, float]) -> None: ...

    def save(self, step: int) -> None: ...

    def took(self, step: int, values: Mapping[str, float]) -> None: ...


def measure(case: Case) -> int:
    """Bytes at the peak of the step above those after a step of one window. For a process that did nothing before."""
    torch.set_num_threads(1)
    torch.manual_seed(0)
    model = build(case.run, (SYSTEM,))
    model.backbone.recompute = case.recompute
    optimizer = AdamW(model, case.run.train)
    data = Noise(case.window, max(task.future for task in model.tasks.values()), case.run.train.batch)
    split = splits.Split(data, "train", torch.device("cpu"))

    def take(batch: int, micro: int) -> None:
        settings = TrainSettings(batch=batch, steps=1, warmup_steps=0)
        training = Training(
            model=model,
            optimizer=optimizer,
            split=split,
            labelled=splits.labelled_masks(model.tasks, split),
            sampler=First(batch),
            settings=settings,
            micro=micro,
            memory=MemoryPeak(torch.device("cpu")),
        )
        train(training, 0, Silent())

    take(1, 1)
    before = anonymous_memory()
    Path("/proc/self/clear_refs").write_text("5")  # the highest mark falls to what there is now
    take(case.run.train.batch, case.batch)
    return status("VmHWM") - status("RssFile") - status("RssShmem") - before


def status(key: str) -> int:
    (line,) = (it for it in Path("/proc/self/status").read_text().splitlines() if it.startswith(f"{key}:"))
    return int(line.split()[1]) * 1024


def predictions(backbone: str, window: int, most: int) -> Iterator[tuple[Case, int]]:
    """The cases that are neither small nor too large, with what is predicted of them."""
    case = Case(backbone=backbone, window=window, batch=max(BATCHES))
    kinds = {name: tasks.registry.load(name) for name in TASKS}
    kind: Any = backbones.registry.load(backbone)
    parts = Parts(
        name=backbone,
        backbone=Part(kind, to_record(kind.Config, {})),
        heads={name: Part(it, to_record(it.Config, {})) for name, it in kinds.items()},
        window=window,
        systems=(SYSTEM,),
    )
    memory = rehearse(parts, case.run.train, []).memory
    if memory is None:
        raise SystemExit(f"{backbone} cannot be rehearsed")
    for batch in BATCHES:
        for accum, recompute in ((1, False), (2, False), (1, True)):
            split = BatchSplit(micro=batch, accum=accum)
            predicted = memory.peak(split, recompute=recompute) - memory.state - memory.gradients
            asked = (accum == 1 or batch == CUT) and (not recompute or (batch >= ANEW and memory.recomputed))
            if LEAST <= predicted <= most and asked:
                case = Case(backbone=backbone, window=window, batch=batch, accum=accum, recompute=recompute)
                yield case, predicted


def measured(case: Case) -> int:
    """What a process of its own measures."""
    argv = [sys.executable, __file__, "--measure", json.dumps(vars(case))]
    env = {**os.environ, "MALLOC_MMAP_THRESHOLD_": MMAP_FROM}
    return int(subprocess.run(argv, env=env, stdout=subprocess.PIPE, check=True).stdout)


def main(arguments: Sequence[str] | None = None) -> int:
    """Print each pair, the median and the worst error."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("backbones", nargs="*", default=backbones.registry.names())
    parser.add_argument("--most", type=bytes_of, default=2**30, metavar="SIZE")
    parser.add_argument("--measure", type=json.loads, help=argparse.SUPPRESS)
    asked = parser.parse_args(arguments)
    if asked.measure:
        print(measure(Case(**asked.measure)))
        return 0
    errors: dict[Case, float] = {}
    for backbone in asked.backbones:
        for window in WINDOWS:
            for case, predicted in predictions(backbone, window, asked.most):
                real = measured(case)
                errors[case] = predicted / real - 1
                pair = f"predicted {size(predicted):>9}  measured {size(real):>9}"
                cut = f"{case.batch} x {case.accum}" + (" anew" if case.recompute else "")
                print(f"{backbone:9} window {window:5} batch {cut:13} {pair}  {errors[case]:+.1%}", flush=True)
    if not errors:
        print("no step is predicted to need that much")
        return 1
    fixed = [abs(error) for case, error in errors.items() if case.backbone not in DEPENDS_ON_DATA]
    median, worst = statistics.median(map(abs, errors.values())), max(fixed, default=0.0)
    print(f"{len(errors)} steps; median error {median:.1%}, at most {MEDIAN:.0%}")
    print(f"worst {worst:.1%}, at most {WORST:.0%}, where shapes do not depend on data")
    print(f"lowest {min(errors.values()):+.1%}, at least {UNDER:+.0%}")
    return 0 if median <= MEDIAN and worst <= WORST and min(errors.values()) >= UNDER else 1


if __name__ == "__main__":
    sys.exit(main())
