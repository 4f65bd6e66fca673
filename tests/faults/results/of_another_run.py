"""The complete result names another run."""

import json

from faulting import Scene, failed

at = "end"
expected = failed("bad_result", saying="of run tiny-000000000000")
as_command = None
why = "the files of a command name no run; where they lie and when they were written says whose they are"


def strike(scene: Scene) -> None:
    result = json.loads(scene.result.read_bytes())
    scene.result.write_text(json.dumps({**result, "run_id": "tiny-000000000000"}))
