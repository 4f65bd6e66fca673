"""A training script in the standard library alone: a polynomial is fitted to a sine, degree by degree."""

from __future__ import annotations

import json
import math
import sys
from pathlib import Path


def fit(degree: int, lr: float, epochs: int) -> float:
    """Return the mean squared error after gradient descent on `degree + 1` Chebyshev coefficients."""
    points = [-1 + 2 * i / 63 for i in range(64)]
    features = [[math.cos(n * math.acos(x)) for n in range(degree + 1)] for x in points]
    weights = [0.0] * (degree + 1)
    mse = math.inf
    for epoch in range(epochs):
        errors = [
            sum(w * f for w, f in zip(weights, row, strict=True)) - math.sin(4 * x)
            for row, x in zip(features, points, strict=True)
        ]
        mse = sum(error**2 for error in errors) / len(errors)
        for n in range(degree + 1):
            weights[n] -= lr * sum(error * row[n] for error, row in zip(errors, features, strict=True)) / len(errors)
        print(f"epoch {epoch + 1}: mse {mse:.6f}")
    return mse


def main() -> None:
    config = json.loads(Path(sys.argv[1]).read_text())
    mse = fit(config["model"]["degree"], config["lr"], config["epochs"])
    out = Path(config["out"])
    out.mkdir(parents=True, exist_ok=True)
    (out / "result.json").write_text(json.dumps({"mse": mse, "epochs": config["epochs"]}))


if __name__ == "__main__":
    main()
