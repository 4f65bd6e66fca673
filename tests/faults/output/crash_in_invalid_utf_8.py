"""Crashes over a file whose name is no UTF-8."""

import os

from faulting import Scene, failed

expected = failed("crashed", saying="cannot read caf")


def strike(scene: Scene) -> None:
    del scene
    raise ValueError("cannot read " + os.fsdecode(b"caf\xe9.wav"))
