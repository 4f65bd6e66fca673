"""What stands for all that decides the memory of a training step, but its batch."""

from __future__ import annotations

import hashlib
import json
from typing import Literal

import torch

from db.strict import to_data
from runner.parts import Parts


def memory_shape(parts: Parts, precision: Literal["float32", "bfloat16"], code_fingerprint: str) -> str:
    """16 hex digits: the same for runs that differ in their seed, learning rate, steps or effective batch alone.

    Of the data it is the systems with their channels and classes, not the recordings.
    """
    decides = {
        "code": [code_fingerprint, torch.__version__],
        "backbone": [parts.name, to_data(parts.backbone.config)],
        "tasks": {name: to_data(head.config) for name, head in parts.heads.items()},
        "window": parts.window,
        "systems": to_data(parts.systems),
        "precision": precision,
    }
    return hashlib.sha256(json.dumps(decides, sort_keys=True).encode()).hexdigest()[:16]
