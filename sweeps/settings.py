"""What makes a run: typed settings, and the identity computed from them."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from db.strict import Fault, Invalid, refuse, require_positive, to_data

MOST_WINDOWS = 1_000_000
"""In one effective batch."""
MOST_STEPS = 10**12
MOST_SAMPLES = 2**40
MOST_SLOTS = 10_000
MOST_CPUS = 4_096
MOST_CPUS_IN_ALL = 100_000
MOST_MEMORY = 2**60
MOST_SECONDS = 1e9

Recompute = Literal["auto", "always", "never"]


def require_at_most(record: object, bounds: Mapping[str, float]) -> None:
    """Numbers beyond all reason would fail later and elsewhere: in the ledger, a timer or the kernel."""
    values = {key: getattr(record, key) for key in bounds}
    faults = [
        Fault((key,), f"must be at most {bounds[key]:,.0f}, is {value}")
        for key, value in values.items()
        if value is not None and value > bounds[key]
    ]
    if faults:
        raise Invalid(faults)


@dataclass(frozen=True, kw_only=True)
class Simulation:
    """Simulated rigs in place of recordings; see `tasks.data.simulator`."""

    seed: int = 0


@dataclass(frozen=True, kw_only=True)
class DataSettings:
    """Which recordings, and how windows are cut from them. Lengths in samples.

    `folder` is in the PHM-Vibench layout; nothing means simulated rigs, written once in that layout under the root.
    `systems` are `Dataset_id`s, empty for all. `max_windows` bounds the windows cut from one recording.
    """

    folder: str | None = None
    metadata: str | None = None
    window: int = 2048
    max_windows: int = 8
    systems: tuple[int, ...] = ()
    simulation: Simulation = Simulation()

    def __post_init__(self) -> None:
        require_positive(self, "window", "max_windows")
        require_at_most(self, {"window": MOST_SAMPLES, "max_windows": MOST_SAMPLES})


@dataclass(frozen=True, kw_only=True)
class TrainSettings:
    """How a run is trained. `batch` is the effective batch, in windows; steps are optimizer steps.

    The learning rate rises over `warmup_steps`, then falls along a half cosine to zero. AdamW, decoupled weight decay
    (Loshchilov and Hutter 2019, arXiv 1711.05101).
    """

    batch: int = 16
    steps: int = 200
    lr: float = 1e-3
    weight_decay: float = 1e-2
    warmup_steps: int = 20
    clip_norm: float = 1.0
    precision: Literal["float32", "bfloat16"] = "float32"
    log_every: int = 10
    checkpoint_every: int = 100
    shuffle_labels: bool = False

    def __post_init__(self) -> None:
        require_positive(self, "batch", "steps", "lr", "clip_norm", "log_every", "checkpoint_every")
        if self.batch > MOST_WINDOWS:
            refuse("batch", f"must be at most {MOST_WINDOWS:,} windows, is {self.batch}")
        require_at_most(self, {"steps": MOST_STEPS, "checkpoint_every": MOST_STEPS, "log_every": MOST_STEPS})
        if self.weight_decay < 0:
            refuse("weight_decay", f"must not be negative, is {self.weight_decay}")
        if not 0 <= self.warmup_steps <= self.steps:
            refuse("warmup_steps", f"must lie between 0 and steps ({self.steps}), is {self.warmup_steps}")


@dataclass(frozen=True, kw_only=True)
class RunSettings:
    """Everything that makes a run the run it is, and nothing else: no launcher, resources, policy or paths.

    `backbone_config` and each value of `tasks` hold every key of the backbone's and the task's `Config`, defaults
    included, so that a default spelled out is not another run.
    """

    backbone: str
    backbone_config: Mapping[str, Any]
    tasks: Mapping[str, Mapping[str, Any]]
    data: DataSettings = DataSettings()
    train: TrainSettings = TrainSettings()
    seed: int = 0
    plugins: tuple[str, ...] = field(default=())

    def __post_init__(self) -> None:
        if not self.tasks:
            refuse("tasks", "a run needs at least one task")


@dataclass(frozen=True, kw_only=True)
class Resources:
    """What one attempt may use. `memory` in bytes of host memory, `time` in seconds; nothing means no limit.

    `silence` is how long it may give no sign of life, in seconds; nothing means an hour for our own backbones, which
    give one at every step, and no limit for commands, which promise none.
    `gpus: auto` takes one GPU where the host has any, `none` never takes one, a number takes as many or is refused.
    `cpus` are the threads of an attempt; `slots` is how many attempts run side by side (nothing: as many as the GPUs,
    or else the CPUs, allow).
    """

    memory: int | None = None
    time: float | None = None
    silence: float | None = None
    cpus: int = 1
    gpus: Literal["auto", "none"] | int = "auto"
    slots: int | None = None

    def __post_init__(self) -> None:
        optional = ("memory", "time", "silence", "slots")
        require_positive(self, "cpus", *(key for key in optional if getattr(self, key) is not None))
        most = {"slots": MOST_SLOTS, "cpus": MOST_CPUS, "memory": MOST_MEMORY, "time": MOST_SECONDS}
        require_at_most(self, {**most, "silence": MOST_SECONDS})
        if isinstance(self.gpus, int) and not 0 < self.gpus <= MOST_SLOTS:
            refuse("gpus", f"must be auto, none, or at least 1 and at most {MOST_SLOTS:,}, is {self.gpus}")
        if (self.slots or 0) * self.cpus > MOST_CPUS_IN_ALL:
            refuse("slots", f"{self.slots:,} slots of {self.cpus:,} cpus are more than {MOST_CPUS_IN_ALL:,} in all")


@dataclass(frozen=True, kw_only=True)
class Policy:
    """What happens before a launch and after a failure. `rehearse`: a training step is taken without values first.

    `retries` overrides the budget of a failure kind; `wait` is in seconds.

    `stop_after` so many runs in a row that failed alike, no further one is started; 0: never.
    """

    retries: Mapping[str, int] = field(default_factory=dict)
    wait: float = 2.0
    grace: float = 5.0
    stop_after: int = 5
    rehearse: bool = True

    def __post_init__(self) -> None:
        if self.stop_after < 0:
            refuse("stop_after", f"must not be negative, is {self.stop_after}")
        for key, seconds in (("wait", self.wait), ("grace", self.grace)):
            if seconds < 0:
                refuse(key, f"must not be negative, is {seconds}")
        require_at_most(self, {"wait": MOST_SECONDS, "grace": MOST_SECONDS})
        for kind, budget in self.retries.items():
            if budget < 0:
                raise Invalid([Fault(("retries", kind), f"must not be negative, is {budget}")])


@dataclass(frozen=True, kw_only=True)
class Memory:
    """What is done before memory runs out. `predict`: the batch of a first attempt is cut as it is predicted to fit.
    `learn`: and as it was seen to fit, or not to fit, in attempts of other runs.

    `recompute`: activations are computed anew in the backward pass instead of kept; `auto` before the micro batch gets
    tiny, see `runner.recompute`. `expandable_segments`: torch's allocator of GPU memory grows what it has, and wastes
    less of it between tensors.

    Not part of a run's identity: the effective batch and the mathematics stay.
    """

    predict: bool = True
    learn: bool = True
    recompute: Recompute = "auto"
    expandable_segments: bool = True


def run_id(settings: RunSettings, data_digest: str | None) -> str:
    """`<backbone>-<12 hex digits>`: the same settings are the same run, wherever its files lie.

    `data_digest` stands for the content of `data.folder` (None where the data is simulated): where a folder lies does
    not matter, what is in it does.
    """
    what = to_data(settings)
    del what["plugins"]
    if settings.data.folder is not None:
        what["data"] = {**what["data"], "folder": data_digest, "metadata": None}
    canonical = json.dumps(what, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return f"{settings.backbone}-{hashlib.sha256(canonical.encode()).hexdigest()[:12]}"


@dataclass(frozen=True, kw_only=True)
class WorkerSettings:
    """`settings` of a plan whose worker is ours.

    `root` is where simulated data is kept; `threads` are torch's; `device` is what the attempt's slot holds.
    `recompute`: activations are computed anew in the backward pass. `evaluate` is how many windows at a time are
    evaluated at most; nothing where the micro batch of the training is the only bound.
    """

    run: RunSettings
    root: str
    threads: int = 1
    device: Literal["cpu", "cuda"] = "cpu"
    recompute: bool = False
    evaluate: int | None = None

    def __post_init__(self) -> None:
        require_positive(self, "threads", *(() if self.evaluate is None else ("evaluate",)))
