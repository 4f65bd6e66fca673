"""Reads a file larger than the memory it may have: what the kernel keeps of files is nobody's memory."""

from faulting import SUCCEEDED, Scene

expected = SUCCEEDED
resources = {"memory": "448MiB"}


def strike(scene: Scene) -> None:
    large = scene.attempt / "large"
    with large.open("wb") as file:
        file.truncate(2**30)
    with large.open("rb") as file:
        while file.read(2**22):
            pass
    large.unlink()
