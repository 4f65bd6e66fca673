"""The complete result names another attempt."""

import json

from faulting import Scene, failed

at = "end"
expected = failed("bad_result", saying="belongs to attempt")
as_command = None
why = "the files of a command name no attempt; where they lie and when they were written says whose they are"


def strike(scene: Scene) -> None:
    result = json.loads(scene.result.read_bytes())
    scene.result.write_text(json.dumps({**result, "attempt_id": "0" * 32}))
