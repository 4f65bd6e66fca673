"""The result is complete and holds 50 MB of a text that nobody asked for."""

import json

from faulting import SUCCEEDED, Scene, failed

at = "end"
expected = failed("bad_result")
as_command = SUCCEEDED
why = "our own records are small; a file of a command may be large, and holds what is declared"


def strike(scene: Scene) -> None:
    result = json.loads(scene.result.read_bytes())
    scene.result.write_text(json.dumps({**result, "padding": "x" * 50_000_000}))
