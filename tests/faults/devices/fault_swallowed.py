"""A broken GPU is caught, printed and forgotten: exit code 0, no result."""

import os

from faulting import Scene, failed

expected = failed("device_fault", saying="ECC")


def strike(scene: Scene) -> None:
    print(f"step {scene.step} skipped: CUDA error: uncorrectable ECC error encountered", flush=True)
    os._exit(0)
