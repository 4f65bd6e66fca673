"""A configuration as a namespace: nothing is declared, so nothing is missing before it is asked for."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import yaml

SECTIONS = ("environment", "data", "model", "task", "trainer")


class ConfigWrapper(SimpleNamespace):
    def get(self, key: str, default: Any = None) -> Any:
        return getattr(self, key, default)


def load_config(path: Path) -> ConfigWrapper:
    content = yaml.safe_load(path.read_text())
    return ConfigWrapper(**{section: ConfigWrapper(**content[section]) for section in SECTIONS})
