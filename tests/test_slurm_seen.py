"""What a real Slurm printed can be read back as it was, and names nobody."""

from __future__ import annotations

import re

import pytest
from slurm.recorded import SEEN, all_seen, as_text, read_seen


def test_something_was_seen() -> None:
    assert len(all_seen()) >= 40


@pytest.mark.parametrize("name", all_seen())
def test_what_was_seen_is_read_back_whole(name: str) -> None:
    recorded = read_seen(name)
    assert recorded.answers
    assert as_text(recorded) == (SEEN / f"{name}.txt").read_text()


@pytest.mark.parametrize("name", all_seen())
def test_no_user_and_no_folder_of_the_machine_is_named(name: str) -> None:
    assert not re.search(r"\broot\b|/tmp/|/home/", (SEEN / f"{name}.txt").read_text())
