"""Removes the logs that it is printing into, and ends well."""

from faulting import SUCCEEDED, Scene

expected = SUCCEEDED


def strike(scene: Scene) -> None:
    for log in ("stdout.log", "stderr.log"):
        (scene.attempt / log).unlink()
    print("into nothing", flush=True)
