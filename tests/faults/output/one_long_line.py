"""Prints 60 MB without a line's end, and ends well."""

import os

from faulting import SUCCEEDED, Scene

expected = SUCCEEDED


def strike(scene: Scene) -> None:
    del scene
    for _ in range(60):
        os.write(1, b"=" * 1_000_000)
