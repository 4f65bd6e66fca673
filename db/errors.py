"""Every error that has a name here.

RunnerError
├── Refused                 something a person gave cannot be used; nothing was started
├── LedgerError             the ledger cannot be read or written now: its disk is full, it was removed, ...
└── AttemptError            an attempt cannot go on; its `kind` is the failure's word in the ledger
    ├── ConfigError
    ├── DataError
    ├── ShapeError
    ├── NonFiniteError
    ├── NothingLearnedError
    └── ChangedError
"""

from __future__ import annotations

from typing import ClassVar


class RunnerError(Exception):
    """The root of every error raised on purpose."""


class Refused(RunnerError):  # noqa: N818 - it is what happened, and reads so where it is caught
    """Something a person gave cannot be used; the message says what, where, why and what to do."""


class LedgerError(RunnerError):
    """The ledger cannot be read or written; the message says why. What attempts left on disk remains."""


class AttemptError(RunnerError):
    """An attempt cannot go on."""

    kind: ClassVar[str]


class ConfigError(AttemptError):
    kind = "config"


class DataError(AttemptError):
    kind = "data"


class ShapeError(AttemptError):
    kind = "shape"


class NonFiniteError(AttemptError):
    kind = "non_finite"


class NothingLearnedError(AttemptError):
    kind = "incomplete"


class ChangedError(AttemptError):
    """The code or the data is no longer what was checked before launch."""

    kind = "changed"
