"""A kernel reads where it may not: the program's own mistake, not the GPU's."""

from faulting import Scene, failed

expected = failed("crashed", saying="illegal memory access")

SAID = "CUDA error: an illegal memory access was encountered"


def strike(scene: Scene) -> None:
    del scene
    raise RuntimeError(SAID)
