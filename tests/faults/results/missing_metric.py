"""The result is complete but for the metric that all is about."""

import re

from faulting import Scene, failed

at = "end"
expected = failed("incomplete", saying="mse")


def strike(scene: Scene) -> None:
    text = scene.result.read_text()
    scene.result.write_text(re.sub(r'"(struck\.)?mse"', '"mae"', text))
