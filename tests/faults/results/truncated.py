"""The complete result is cut in the middle, and the process ends well."""

from faulting import Scene, failed

at = "end"
expected = failed("bad_result")


def strike(scene: Scene) -> None:
    whole = scene.result.read_bytes()
    scene.result.write_bytes(whole[: len(whole) // 2])
