"""The result tells of four steps where five were planned."""

import re

from faulting import Scene, failed

at = "end"
expected = failed("incomplete", saying="4")


def strike(scene: Scene) -> None:
    text = scene.result.read_text()
    scene.result.write_text(re.sub(r'"steps(_done)?": 5', r'"steps\1": 4', text))
