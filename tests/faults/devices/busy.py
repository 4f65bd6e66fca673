"""Another process holds the GPU for itself alone."""

from faulting import Scene, failed

expected = failed("device_busy", saying="busy or unavailable")

SAID = "CUDA error: CUDA-capable device(s) is/are busy or unavailable"


def strike(scene: Scene) -> None:
    del scene
    raise RuntimeError(SAID)
