"""The result says that it failed, and the process ends with exit code 0."""

import json

from faulting import Scene, failed

at = "end"
expected = failed("crashed", saying="nothing converged")
as_command = failed("incomplete", saying="mse")
why = "that a command says it failed shows in what it does not say"


def strike(scene: Scene) -> None:
    result = json.loads(scene.result.read_bytes())
    error = {"kind": "crashed", "type": "Diverged", "message": "nothing converged", "traceback": ""}
    scene.result.write_text(json.dumps({"error": error} if scene.body == "command" else {**result, "error": error}))
