"""Crashes in front of `| tee`, whose exit code 0 is all that the shell tells."""

from faulting import Scene, failed

expected = failed("crashed", saying="no attribute 'e_layers'")
as_worker = None
why = "our own worker stands behind no shell"
before = ("bash", "-c", '"$@" 2>&1 | tee /dev/stderr', "train")


def strike(scene: Scene) -> None:
    del scene
    raise AttributeError("no attribute 'e_layers'")
