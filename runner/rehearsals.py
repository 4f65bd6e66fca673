"""Rehearsals by content: each is carried through once, and one that found nothing wrong is kept for the next time."""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

import torch

from db.strict import Invalid, to_data, to_record
from runner.checked import Problem
from runner.independence import require_independence
from runner.parts import Parts
from runner.predicted import StepMemory
from runner.rehearsal import Rehearsed, rehearse
from sweeps.settings import TrainSettings

_OWN = ("rehearsal.py", "live_bytes.py", "predicted.py", "parts.py", "foreign.py", "rehearsals.py", "independence.py")


@dataclass(frozen=True)
class Rehearsals:
    """Those of one process, and those in `folder`. Where the folder cannot be used, each process begins anew."""

    folder: Path | None = None
    _known: dict[str, tuple[Rehearsed, tuple[Problem, ...]]] = field(default_factory=dict)

    def of(
        self, parts: Parts, train: TrainSettings, code_fingerprint: str, *, recompute: bool = True
    ) -> tuple[Rehearsed, tuple[Problem, ...]]:
        """What came of it, and its problems. With `recompute` also of steps that compute activations anew."""
        key = _key(parts, train, code_fingerprint, recompute=recompute)
        if key not in self._known:
            kept = self._kept(key)
            problems: list[Problem] = []
            rehearsed = Rehearsed(memory=kept) if kept else rehearse(parts, train, problems, recompute=recompute)
            if not (kept or problems):
                require_independence(parts, problems)
            if rehearsed.memory is not None and not (kept or problems):
                self._keep(key, rehearsed.memory)
            self._known[key] = rehearsed, tuple(problems)
        return self._known[key]

    def _kept(self, key: str) -> StepMemory | None:
        if self.folder is None:
            return None
        try:
            return to_record(StepMemory, json.loads((self.folder / f"{key}.json").read_text(encoding="utf-8")))
        except (OSError, ValueError, Invalid):  # not there, or no longer what was written
            return None

    def _keep(self, key: str, memory: StepMemory) -> None:
        if self.folder is None:
            return
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            with tempfile.NamedTemporaryFile("w", dir=self.folder, delete=False, encoding="utf-8") as file:
                file.write(json.dumps(to_data(memory)))
            Path(file.name).replace(self.folder / f"{key}.json")
        except OSError:  # it is carried through again the next time
            return


def kept_in() -> Path | None:
    """`$XDG_CACHE_HOME/sweep-runner/rehearsals`, `~/.cache` where nothing is set; nothing where there is no home."""
    given = os.environ.get("XDG_CACHE_HOME", "")
    try:
        cache = Path(given) if Path(given).is_absolute() else Path.home() / ".cache"
    except RuntimeError:  # an account without a home
        return None
    return cache / "sweep-runner" / "rehearsals"


def _key(parts: Parts, train: TrainSettings, code_fingerprint: str, *, recompute: bool) -> str:
    """SHA-256 of all that a rehearsal depends on."""
    own = [hashlib.sha256((Path(__file__).parent / name).read_bytes()).hexdigest() for name in _OWN]
    asked = {
        "code": [code_fingerprint, *own, torch.__version__],
        "backbone": [parts.name, to_data(parts.backbone.config)],
        "tasks": {name: to_data(head.config) for name, head in parts.heads.items()},
        "window": parts.window,
        "systems": to_data(parts.systems),
        "train": [train.batch, train.precision],
        "recompute": recompute,
    }
    return hashlib.sha256(json.dumps(asked, sort_keys=True).encode()).hexdigest()
