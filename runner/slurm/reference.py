"""How a submitted attempt is called: `12_3:runner-0123456789ab`, the task of an array and the array's name.

Ids alone are given again after a controller has lost its state; a name with a random part is not.
"""

from __future__ import annotations

import os
from typing import NamedTuple


class Reference(NamedTuple):
    """`job` is `<id of the array>_<index>`."""

    job: str
    name: str

    def __str__(self) -> str:
        return f"{self.job}:{self.name}"

    @property
    def array(self) -> str:
        return self.job.partition("_")[0]


def parsed(text: str) -> Reference:
    job, _, name = text.partition(":")
    return Reference(job=job, name=name)


def new_name() -> str:
    return f"runner-{os.urandom(6).hex()}"
