"""Prints of broken and busy GPUs, and succeeds all the same."""

from faulting import SUCCEEDED, Scene

expected = SUCCEEDED


def strike(scene: Scene) -> None:
    print(f"step {scene.step}: CUDA error: uncorrectable ECC error encountered; trying the next GPU")
    print("CUDA error: CUDA-capable device(s) is/are busy or unavailable; trying the next GPU", flush=True)
