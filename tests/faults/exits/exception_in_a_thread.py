"""A thread that nobody needs dies of an exception, and the training goes on."""

import threading

from faulting import SUCCEEDED, Scene

expected = SUCCEEDED


def strike(scene: Scene) -> None:
    thread = threading.Thread(target=lambda: {"batch": scene.step}["batch_size"])
    thread.start()
    thread.join()
