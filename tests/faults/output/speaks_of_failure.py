"""Prints an out-of-memory, a traceback and a NaN, and ends well with all that is declared."""

import sys

from faulting import SUCCEEDED, Scene

expected = SUCCEEDED


def strike(scene: Scene) -> None:
    del scene
    words = "loss: nan\nTraceback (most recent call last):\ntorch.OutOfMemoryError: CUDA out of memory.\n"
    print(words, file=sys.stdout, flush=True)
    print(words, file=sys.stderr, flush=True)
