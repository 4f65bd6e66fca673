"""The result is of a version that nobody knows."""

import json

from faulting import Scene, failed

at = "end"
expected = failed("bad_result", saying="version")
as_command = None
why = "what a command writes has no version"


def strike(scene: Scene) -> None:
    result = json.loads(scene.result.read_bytes())
    scene.result.write_text(json.dumps({**result, "version": 99}))
