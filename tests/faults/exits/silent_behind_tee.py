"""Ends with exit code 3 in front of `| tee`, without a word."""

import os

from faulting import Scene, failed

expected = failed("no_result")
as_worker = None
why = "our own worker stands behind no shell"
before = ("bash", "-c", '"$@" | tee /dev/null', "train")


def strike(scene: Scene) -> None:
    del scene
    os._exit(3)
