"""Writes docs/failures.md from the catalogue: `make docs`."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from runner.failures import FAILURE_KINDS, MANY, FailureKind, Remedy

PAGE = Path(__file__).with_name("failures.md")
HEAD = """# Failures

Made from `runner/failures.py` by `make docs`; edit it there.

Every attempt that is not a proven success gets the first of these words, from the top, that recognises what it left
behind: exit code and signal as its parent saw them, the kernel's count of out-of-memory kills, the exception that the
worker reported, what was declared and is not there, and last of all text. `runner why RUN` tells which rule it was and
what every witness said.

A run is tried again as long as the budget of that kind lasts, each kind with a budget of its own; `policy.retries`
changes it (`policy: {retries: {host_oom: 8}}`). Before the same again there is a wait: `policy.wait`, doubled each
time, and up to half as long again, so that runs that failed together do not come back together.
"""


def page() -> str:
    return (
        "\n".join([HEAD, *_table(), "", *(line for kind in FAILURE_KINDS for line in _section(kind))]).rstrip() + "\n"
    )


def _table() -> Iterator[str]:
    yield "| word | tried again | what it means |"
    yield "|---|---|---|"
    for kind in FAILURE_KINDS:
        yield f"| [`{kind.word}`](#{kind.word}) | {_budget(kind)} | {kind.sentence} |"


def _budget(kind: FailureKind) -> str:
    if kind.remedy is Remedy.STOP:
        return "no"
    if kind.remedy is Remedy.HALVE:
        return "with half the batch, down to 1"
    if kind.remedy is Remedy.AS_SOON_AS_TAKEN:
        return "as soon as it is taken"
    if kind.budget == MANY:
        return "with the next `runner sweep`"
    if kind.remedy is Remedy.RESUME:
        return f"while it gets further, up to {kind.budget} times"
    return "once" if kind.budget == 1 else f"{kind.budget} times"


def _section(kind: FailureKind) -> Iterator[str]:
    yield from (f"## {kind.word}", f"{kind.sentence} Remedy: {kind.remedy.value}.", "", kind.advice, "")


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
