"""The result gives its metric twice, with two values."""

import re

from faulting import Scene, failed

at = "end"
expected = failed("bad_result", saying="mse")


def strike(scene: Scene) -> None:
    text = scene.result.read_text()
    scene.result.write_text(re.sub(r'("(struck\.)?mse": )([^,}]+)', r"\1\3, \g<1>0.001", text, count=1))
