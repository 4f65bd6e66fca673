"""The result holds a number that no float can hold, which JSON allows."""

import re

from faulting import Scene, failed

at = "end"
expected = failed("bad_result", saying="inf")
as_command = failed("non_finite", saying="inf")
why = "our own records are never written so; what a command measured may be"


def strike(scene: Scene) -> None:
    text = scene.result.read_text()
    scene.result.write_text(re.sub(r'("(struck\.)?mse": )[^,}]+', r"\g<1>1e999", text))
