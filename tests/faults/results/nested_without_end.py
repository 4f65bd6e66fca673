"""The result is nested a hundred thousand deep, more than any reader's stack holds."""

from faulting import Scene, failed

at = "end"
expected = failed("bad_result")


def strike(scene: Scene) -> None:
    scene.result.write_text('{"mse":' * 100_000 + "1" + "}" * 100_000)
