"""The GPU's memory is broken."""

from faulting import Scene, failed

expected = failed("device_fault", saying="ECC")

SAID = (
    "CUDA error: uncorrectable ECC error encountered\nCUDA kernel errors might be asynchronously reported at some "
    "other API call, so the stacktrace below might be incorrect."
)


def strike(scene: Scene) -> None:
    del scene
    raise RuntimeError(SAID)
