"""Prints 100 MB on standard error and then crashes; why still stands at the end of the log."""

import os

from faulting import Scene, failed

expected = failed("crashed", saying="after the flood")


def strike(scene: Scene) -> None:
    del scene
    for _ in range(100):
        os.write(2, (b"." * 99 + b"\n") * 10_000)
    raise ValueError("after the flood")
