"""How a submitted attempt is called: `12_3:runner-0123456789ab`, the task of an array and the array's name.

Ids alone are given again after a controller has lost its state; a name with a random part is not.
"""

from __future__ import annotations

import os


class Reference(str):
    """Of job `<id of the array>_<index>`, called `name`; it is the text that the ledger keeps."""

    __slots__ = ()

    @classmethod
    def of(cls, job: str, name: str) -> Reference:
        return cls(f"{job}:{name}")

    @property
    def job(self) -> str:
        return self.partition(":")[0]

    @property
    def array(self) -> str:
        return self.job.partition("_")[0]

    @property
    def name(self) -> str:
        return self.partition(":")[2]


def references(array: str, name: str, count: int) -> list[str]:
    """Of the first `count` tasks of an array."""
    return [f"{array}_{index}:{name}" for index in range(count)]


def new_name() -> str:
    return f"runner-{os.urandom(6).hex()}"
