"""What a check found. Pure, standard library only."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

from runner.show import plain

Level = Literal["ok", "warning", "fails"]
VERSION = 1
_WORDS = {"ok": "ok", "warning": "warning", "fails": "FAILS"}


@dataclass(frozen=True, kw_only=True)
class Finding:
    """`advice` is what to do, and not there where all is well."""

    check: str
    level: Level
    said: str
    advice: str | None = None


def fine(check: str, said: str) -> Finding:
    return Finding(check=check, level="ok", said=said)


def warning(check: str, said: str, advice: str) -> Finding:
    return Finding(check=check, level="warning", said=said, advice=advice)


def failing(check: str, said: str, advice: str) -> Finding:
    return Finding(check=check, level="fails", said=said, advice=advice)


def page(findings: Sequence[Finding]) -> str:
    """A line for each, what to do below it, and a sentence about all."""
    width = max(len(finding.check) for finding in findings)
    lines = []
    for finding in findings:
        lines.append(f"{_WORDS[finding.level]:<7}  {finding.check:<{width}}  {_one_line(finding.said)}")
        if finding.advice:
            lines.append(f"{'':<7}  {'':<{width}}  -> {_one_line(finding.advice)}")
    return "\n".join([*lines, "", _summary(findings)])


def _one_line(text: str) -> str:
    return " ".join(plain(text).split())


def _summary(findings: Sequence[Finding]) -> str:
    found = Counter(finding.level for finding in findings)
    warnings = f"{found['warning']} warning{'' if found['warning'] == 1 else 's'}"
    if found["fails"]:
        more = f", {warnings}" if found["warning"] else ""
        return f"{found['fails']} of {len(findings)} checks FAIL{more}: mend these before you sweep"
    return f"a sweep can run; {warnings}" if found["warning"] else "all is well"


def facts(findings: Sequence[Finding], root: str, launcher: str) -> dict[str, Any]:
    """The same for programs."""
    return {
        "version": VERSION,
        "root": root,
        "launcher": launcher,
        "ok": is_well(findings),
        "checks": [asdict(finding) for finding in findings],
    }


def is_well(findings: Sequence[Finding]) -> bool:
    """Whether nothing fails."""
    return all(finding.level != "fails" for finding in findings)
