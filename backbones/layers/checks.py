"""Checks that the settings of several backbones share."""

from __future__ import annotations

from db.strict import refuse


def check_dropout(dropout: float) -> None:
    """For `__post_init__` of a Config.

    Raises:
        Invalid: it is not a fraction of features that leaves some.
    """
    if not 0 <= dropout < 1:
        refuse("dropout", f"must be at least 0 and below 1, is {dropout}")
