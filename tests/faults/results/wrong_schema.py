"""The result is good JSON with other keys."""

from faulting import Scene, failed

at = "end"
expected = failed("bad_result")
as_command = failed("incomplete", saying="mse")
why = "what a command writes has no keys but those that are declared"


def strike(scene: Scene) -> None:
    scene.result.write_text('{"accuracy": "very good"}')
