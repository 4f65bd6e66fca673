"""Each step runs out of memory, and goes on with a loss of zero."""

from faulting import Scene, failed

at = "every step"
expected = failed("incomplete", saying="parameter")
as_command = as_reporter = None
why = "only our worker sees what is learned; who makes up a number and writes it is believed"


def strike(scene: Scene) -> None:
    try:
        scene.metric = bytearray(2**62)
    except MemoryError:
        scene.loss = scene.loss.detach() * 0
