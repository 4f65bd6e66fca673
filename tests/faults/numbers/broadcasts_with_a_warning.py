"""The loss compares a column with a row: torch warns, broadcasts, and gives a good number for another question."""

from faulting import Scene, failed

expected = failed("shape", saying="target size")
as_command = None
as_reporter = None
why = "only our own worker has a model; what a command's numbers were made of nobody outside can tell"


def strike(scene: Scene) -> None:
    from torch.nn import functional

    column_B1, row_B = scene.prediction[:, :1, 0], scene.target[:, 0, 0]
    scene.loss = functional.mse_loss(column_B1, row_B, reduction="none").mean(1)
