"""Facts as text for a tired reader. Pure: rows in, lines out; nothing here prints or decides."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from runner.failures import BY_WORD, FAILURE_KINDS
from sweeps.units import duration, size

Row = Mapping[str, Any]

STATES = ("succeeded", "running", "retrying", "waiting", "unobserved", "unverified", "failed", "cancelled")
FORMER = "former"
"""Of a run that its sweep no longer names; the ledger has no such state."""


def plain(text: str) -> str:
    """The text without anything that could move a cursor or change a colour; line ends and tabs stay."""
    return "".join(char if char.isprintable() or char in "\n\t" else "�" for char in text)


def table(header: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """Columns as wide as their widest cell; the last one is not padded."""
    cells = [list(header), *([plain(str(cell)).replace("\n", " ") for cell in row] for row in rows)]
    widths = [max(len(row[column]) for row in cells) for column in range(len(header))]
    lines = ("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) for row in cells)
    return "\n".join(line.rstrip() for line in lines)


def counts(states: Iterable[str]) -> str:
    """`3 succeeded, 1 failed of 4`."""
    found = Counter(states)
    parts = [f"{found[state]} {state}" for state in STATES if found[state]]
    return f"{', '.join(parts) or 'no runs'} of {found.total()}"


def status(rows: Sequence[Row]) -> str:
    """The table of `runner status`, a block for each sweep."""
    blocks = []
    for sweep in dict.fromkeys(row["sweep"] for row in rows):
        own = [row for row in rows if row["sweep"] == sweep]
        lines = [
            (
                row["label"],
                row["state"],
                row["failure_kind"] or "",
                row["attempts"],
                row["run"],
                shorten(row["because"]),
            )
            for row in own
        ]
        head = f"{sweep}: {counts(row['state'] for row in own)}"
        blocks.append(head + "\n" + table(("label", "state", "failure", "attempts", "run", "because"), lines))
    return "\n\n".join(blocks) or "no sweep has been run here"


def shorten(text: str, width: int = 100) -> str:
    return text if len(text) <= width else text[: width - 1] + "…"


def scores(rows: Sequence[Row]) -> str:
    """Every task's metric beside its trivial baseline."""
    lines = [
        (
            row["label"],
            row["task"],
            row["metric"],
            f"{row['value']:.4f}",
            f"{row['baseline']:.4f}",
            row["baseline_name"],
            beaten(row),
            "" if row["gain_at_least"] is None else f"{row['gain_at_least']:+.4f}",
            row["windows"],
        )
        for row in rows
    ]
    header = ("run", "task", "metric", "value", "baseline", "which is", "beaten", "gain at least", "test windows")
    return table(header, lines)


def final_metrics(rows: Sequence[Row]) -> str:
    """The numbers that commands ended with: a row for each run, a column for each metric."""
    names = sorted({row["metric"] for row in rows})
    values: dict[str, dict[str, float]] = {}
    for row in rows:
        values.setdefault(row["label"], {})[row["metric"]] = row["value"]
    lines = [(label, *(f"{own[name]:.6g}" if name in own else "-" for name in names)) for label, own in values.items()]
    return table(("run", *names), lines)


def beaten(row: Row) -> str:
    """Whether a score beats its baseline by more than luck."""
    if row["beats_baseline"] is None:
        return "cannot tell"
    if row["beats_baseline"]:
        return "yes"
    better = row["value"] > row["baseline"] if row["higher_is_better"] else row["value"] < row["baseline"]
    return "not shown" if better else "NO"


def notes(found: Mapping[str, Sequence[str]], runs: int) -> str:
    """What a reader of the scores should know, and of which runs."""
    lines = []
    for note, labels in found.items():
        whose = "" if len(labels) == runs else f" ({', '.join(labels)})"
        lines.append(f"note: {plain(note)}{whose}")
    return "\n".join(lines)


def attempts(rows: Sequence[Row]) -> str:
    """The ladder of a run's attempts."""
    lines = [
        (
            row["attempt"],
            f"{row['micro_batch']} x {row['grad_accum']}",
            f"from {row['start_step']}",
            row["failure_kind"] or row["verdict"],
            duration(row["wall"]),
            size(row["peak_memory"] or row["peak_host_memory"]),
            row["device"],
            row["because"] or "",
        )
        for row in rows
    ]
    return table(("attempt", "batch", "steps", "verdict", "time", "peak memory", "device", "because"), lines)


def why(
    status_row: Row, ladder: Sequence[Row], evidence: str, said: Sequence[str], tail: tuple[str, str], folder: str
) -> str:
    """All that is known of how a run came to its state."""
    kind = f" ({status_row['failure_kind']})" if status_row["failure_kind"] else ""
    head = f"{status_row['label']}  {status_row['run']}\n{status_row['state']}{kind}: {plain(status_row['because'])}"
    parts = [f"{head}\n{_rule(status_row['failure_kind'])}next: {what_next(status_row)}"]
    if ladder:
        parts.append(attempts(ladder))
        heard = [
            (line["witness"], "agrees" if line["agrees"] else "DISAGREES", line["said"])
            for line in json.loads(evidence)
        ]
        title = f"witnesses of attempt {ladder[-1]['attempt']}"
        parts.append(f"{title}\n{table(('witness', 'success?', 'says'), heard)}" if heard else f"{title}: still open")
        parts += ["\n".join(f"note: {plain(note)}" for note in said)] if said else []
        parts.append(f"folder: {folder}\nby hand: runner repeat {status_row['run']}")
    text, where = tail
    if text.strip():
        parts.append(f"last lines of {where}:\n" + "\n".join(f"  | {line}" for line in plain(text).splitlines()[-15:]))
    return "\n\n".join(parts)


def _rule(word: str | None) -> str:
    """Which row of the catalogue named the failure, and what is done about its kind."""
    if word not in BY_WORD:
        return ""
    kind = BY_WORD[word]
    place = [known.word for known in FAILURE_KINDS].index(kind.word) + 1
    rule = f"rule {place} of {len(FAILURE_KINDS)}, the first that recognised it"
    return f"{kind.word}: {kind.sentence} ({rule})\nremedy: {kind.remedy.value}\nyou: {kind.advice}\n"


def former(run: str, expansion: Row, ladder: Sequence[Row]) -> dict[str, Any]:
    """A row as of `run_status`, for a run that its sweep no longer names."""
    last = ladder[-1] if ladder else None
    said = f"attempt {last['attempt']}: {last['because'] or last['verdict']}" if last else "it was never tried"
    return {
        "sweep": expansion["sweep"],
        "run": run,
        "label": expansion["label"],
        "state": FORMER,
        "failure_kind": last["failure_kind"] if last else None,
        "attempts": last["attempt"] if last else 0,
        "because": f"it is no longer part of the sweep `{expansion['sweep']}`, which was changed since; {said}",
    }


def wasted(rows: Sequence[Row]) -> str:
    """What the failed attempts among these cost: `17.1 s went into attempts that failed: host_oom 17.1 s`."""
    spent: dict[str, list[float | None]] = {}
    for row in rows:
        if row["verdict"] == "failed":
            spent.setdefault(row["failure_kind"], []).append(row["wall"])
    if not spent:
        return ""
    causes = ", ".join(f"{kind} {_cost(walls)}" for kind, walls in spent.items())
    return f"{_cost([wall for walls in spent.values() for wall in walls])} went into attempts that failed: {causes}"


def _cost(walls: Sequence[float | None]) -> str:
    known = [wall for wall in walls if wall is not None]
    if not known:
        return "an unknown time"
    return duration(sum(known)) + ("" if len(known) == len(walls) else " and an unknown time")


def what_next(row: Row) -> str:
    """What happens to the run from here, and who has to do it."""
    run = row["run"]
    return {
        "succeeded": "nothing, it is done",
        "running": "its verdict, when it has ended",
        "retrying": "another attempt, by the scheduler that is running",
        "waiting": "an attempt, as soon as a scheduler runs this sweep and has a slot",
        "unobserved": "run `runner sweep` again: it looks after the open attempt and goes on",
        "unverified": "nothing by itself; declare in the sweep file what proves a success (docs/your_own_script.md)",
        "failed": f"nothing by itself; once the cause is mended, `runner retry {run}` tries it again",
        "cancelled": f"nothing by itself; `runner retry {run}` takes it up again",
        FORMER: "nothing, unless the sweep names it again",
    }[str(row["state"])]
