"""Python itself is refused memory."""

from faulting import Scene, failed

expected = failed("host_oom", saying="MemoryError")


def strike(scene: Scene) -> None:
    scene.metric = bytearray(2**62)
