"""What counts as a success of a command that knows nothing of us, as its sweep file declares it. Standard library only.

Nothing is assumed: with nothing declared and nothing reported, exit code 0 is `unverified`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from db.strict import refuse

FileFormat = Literal["json", "yaml", "csv", "jsonl", "any"]
_SUFFIXES: Mapping[str, FileFormat] = {
    ".json": "json",
    ".yaml": "yaml",
    ".yml": "yaml",
    ".csv": "csv",
    ".jsonl": "jsonl",
}


@dataclass(frozen=True, kw_only=True)
class DeclaredFile:
    """A file that the attempt must have written before its command ended.

    `path` is absolute; below the attempt's own output folder it may be a pattern (`*`, `**`) that exactly one file
    matches. `metrics` are finite numbers in it, by the metric's name: a dotted path (JSON, YAML) or a column (CSV,
    JSONL; the last value counts and every one must be finite). `at_least` is the smallest number that a path or a
    column must have reached, `rows` the smallest count of rows (CSV, JSONL). `open_end`: no line break at the end (CSV,
    YAML) is no sign that it is torn. With `format: any` the file must hold something, and the end of
    a zip archive or of parquet where it begins as one.
    """

    path: str
    format: FileFormat | None = None
    metrics: Mapping[str, str] | tuple[str, ...] = field(default_factory=dict)
    at_least: Mapping[str, float] = field(default_factory=dict)
    rows: int = 0
    open_end: bool = False

    def __post_init__(self) -> None:
        if not isinstance(self.metrics, Mapping):  # names that are their own paths
            object.__setattr__(self, "metrics", {name: name for name in self.metrics})
        if self.rows < 0:
            refuse("rows", f"must not be negative, is {self.rows}")
        if self.rows and self.kind not in ("csv", "jsonl"):
            refuse("rows", f"only CSV and JSONL have rows; this file is read as {self.kind}")
        if self.open_end and self.kind not in ("csv", "yaml"):
            refuse(
                "open_end", f"only of CSV and YAML a line break at the end is asked; this file is read as {self.kind}"
            )
        if self.kind == "any" and (self.metrics or self.at_least):
            refuse("format", "numbers can be read from json, yaml, csv and jsonl; say which it is with `format`")

    @property
    def kind(self) -> FileFormat:
        """As which it is read: `format`, or else what its suffix says."""
        dot = self.path.rfind(".")
        return self.format or _SUFFIXES.get(self.path[dot:].lower() if dot >= 0 else "", "any")

    @property
    def columns(self) -> Mapping[str, str]:
        """The path or column of each metric."""
        return self.metrics if isinstance(self.metrics, Mapping) else {name: name for name in self.metrics}


@dataclass(frozen=True, kw_only=True)
class Declared:
    """Everything that must hold when the command has ended.

    `last_line` is a regular expression that the last line of its standard output that is not blank must match
    somewhere. `report`: it calls `report.done`. `metrics` are those that `report.done` must hold.
    """

    files: tuple[DeclaredFile, ...] = ()
    last_line: str | None = None
    report: bool = False
    metrics: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.metrics and not self.report:
            refuse("metrics", "metrics that are reported need `report: true`; those of a file stand with the file")

    @property
    def anything(self) -> bool:
        """Whether anything is declared at all."""
        return bool(self.files or self.last_line is not None or self.report)

    @property
    def tells_completeness(self) -> bool:
        """Whether something declared proves that nothing was left to do, without the script saying so itself.

        Rows do not: they are the fewest there must be, and half the work may have written as many.
        """
        return self.last_line is not None or any(file.at_least for file in self.files)
