"""In place of a result lie bytes that are no text."""

from faulting import Scene, failed

at = "end"
expected = failed("bad_result")


def strike(scene: Scene) -> None:
    scene.result.write_bytes(b"\xff\x00\xfe" * 1000)
