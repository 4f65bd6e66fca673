"""The GPU that it was given is gone."""

from faulting import Scene, failed

expected = failed("device_fault", saying="No CUDA GPUs")

SAID = "No CUDA GPUs are available"


def strike(scene: Scene) -> None:
    del scene
    raise RuntimeError(SAID)
