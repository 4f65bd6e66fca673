"""What a fault scenario says of itself, and what it is handed when it strikes. Standard library only.

A scenario is a file `tests/faults/<group>/<name>.py`:

    \"\"\"One sentence: what goes wrong.\"\"\"

    from faulting import SUCCEEDED, Scene, failed

    at = "step"                                          # when it strikes, see `Moment`; "step" where nothing is said
    steps = (3,)                                         # of 5; (3,) where nothing is said
    expected = failed("crashed", saying="exit code 3")   # the truth, for every body
    as_command = SUCCEEDED                               # another truth for one body; None: it is not run there
    why = "its files were complete"                      # needed where one body differs
    resources = {"memory": "300MiB", "time": 5}          # of the sweep it is run in
    before = ("bash", "-c", '"$@" | tee log', "-")       # stands before the command that is started
    around = ("unshare", "-rm")                         # stands before `runner sweep`
    needs = ("unshare", "-rm", "true")                  # what must work here, else the scenario is skipped

    def strike(scene: Scene) -> None: ...

It is run by three bodies: our own `worker` (tests/struck/tasks/struck.py), a `command` that knows nothing of us and is
believed for the files it declares, and a `reporter`, the same command with `runner.report` (tests/struck/train.py).
"""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import Any, Literal

FAULTS = Path(__file__).resolve().parent / "faults"
STEPS = 5
"""Of every body."""

Body = Literal["worker", "command", "reporter"]
BODIES: tuple[Body, ...] = ("worker", "command", "reporter")
Moment = Literal["start", "step", "every step", "result", "end"]
"""Before the first step; in the middle of those in `steps`, or of every step; when all is done and just before the
result is written; when the complete result lies there and the process is about to end."""
MOMENTS = ("start", "step", "every step", "result", "end")


@dataclass(frozen=True)
class Outcome:
    """What must be told of a run: its state, the failure's word, and a part of the sentence."""

    state: Literal["succeeded", "failed", "unverified"]
    kind: str | None = None
    saying: str = ""


SUCCEEDED = Outcome("succeeded")


def failed(kind: str, *, saying: str = "") -> Outcome:
    return Outcome("failed", kind, saying)


@dataclass
class Scene:
    """Where a scenario strikes.

    `result` is the file that proves the success: `result.json`, or a command's `metrics.json`. `out` is where the body
    writes, `attempt` the attempt's folder. `loss` is that of the step, a tensor of one value a window (worker) or a
    float; what strikes may put another in its place, and at "result" so with `metric`. Only the worker has
    `prediction`, `target` and `model` (the head).
    """

    body: Body
    attempt: Path
    out: Path
    result: Path
    step: int = 0
    loss: Any = None
    metric: Any = None
    prediction: Any = None
    target: Any = None
    model: Any = None


@dataclass(frozen=True, kw_only=True)
class Scenario:
    """One file of `tests/faults`, read."""

    name: str
    about: str
    at: Moment
    steps: tuple[int, ...]
    expected: Mapping[Body, Outcome]
    why: str
    strike: Callable[[Scene], None]
    resources: Mapping[str, Any] = field(default_factory=dict)
    before: tuple[str, ...] = ()
    around: tuple[str, ...] = ()
    needs: tuple[str, ...] = ()

    def at_moment(self, moment: Moment, scene: Scene) -> None:
        """Strike, if now is the time."""
        due = moment == self.at or (moment == "step" and self.at == "every step")
        if due and (self.at != "step" or scene.step in self.steps):
            self.strike(scene)


def names() -> list[str]:
    """`<group>/<name>` of every scenario."""
    return sorted(path.relative_to(FAULTS).with_suffix("").as_posix() for path in FAULTS.glob("*/*.py"))


def load(name: str) -> Scenario:
    module = _imported(name)
    everywhere = module.expected
    expected = {body: getattr(module, f"as_{body}", everywhere) for body in BODIES}
    return Scenario(
        name=name,
        about=(module.__doc__ or "").strip(),
        at=getattr(module, "at", "step"),
        steps=getattr(module, "steps", (3,)),
        expected={body: outcome for body, outcome in expected.items() if outcome is not None},
        why=getattr(module, "why", ""),
        strike=module.strike,
        resources=getattr(module, "resources", {}),
        before=getattr(module, "before", ()),
        around=getattr(module, "around", ()),
        needs=getattr(module, "needs", ()),
    )


def _imported(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name.replace("/", "_"), FAULTS / f"{name}.py")
    if spec is None or spec.loader is None:
        raise FileNotFoundError(name)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
