"""Prints 200 MB and ends well; the log is kept below 64 MiB."""

import os

from faulting import SUCCEEDED, Scene

expected = SUCCEEDED


def strike(scene: Scene) -> None:
    del scene
    for _ in range(200):
        os.write(1, (b"." * 99 + b"\n") * 10_000)
