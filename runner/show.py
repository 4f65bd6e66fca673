"""Facts as text for a tired reader. Pure: rows in, lines out; nothing here prints or decides."""

from __future__ import annotations

import textwrap
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from runner import queue_words
from runner.queue_words import Stand
from sweeps.units import duration

Row = Mapping[str, Any]

STATES = ("succeeded", "running", "retrying", "waiting", "unobserved", "unverified", "failed", "cancelled")
UNSETTLED = ("running", "retrying", "waiting", "unobserved")


def plain(text: str) -> str:
    """The text without anything that could move a cursor or change a colour; line ends and tabs stay."""
    return "".join(char if char.isprintable() or char in "\n\t" else "�" for char in text)


def table(header: Sequence[str], rows: Iterable[Sequence[object]], width: int | None = None) -> str:
    """Columns as wide as their widest cell; the last one is not padded, and wrapped where a line has a `width`."""
    cells = [list(header), *([plain(str(cell)).replace("\n", " ") for cell in row] for row in rows)]
    widths = [max(len(row[column]) for row in cells) for column in range(len(header))]
    before = sum(widths[:-1]) + 2 * (len(header) - 1)
    lines = []
    for *firsts, last in cells:
        start = "".join(f"{cell.ljust(width)}  " for cell, width in zip(firsts, widths, strict=False))
        lines.append(wrapped(start, last, before, width))
    return "\n".join(lines)


def wrapped(start: str, text: str, indent: int, width: int | None) -> str:
    """The text after its start, further lines below its beginning; all in one without a wide enough `width`."""
    if width is None or width - indent < 30:
        return f"{start}{text}".rstrip()
    lines = textwrap.wrap(text, width - indent, break_long_words=False, break_on_hyphens=False) or [""]
    return "\n".join([f"{start}{lines[0]}".rstrip(), *(" " * indent + line for line in lines[1:])])


def counts(states: Iterable[str]) -> str:
    """`3 succeeded, 1 failed of 4`."""
    found = Counter(states)
    parts = [f"{found[state]} {state}" for state in STATES if found[state]]
    return f"{', '.join(parts) or 'no runs'} of {found.total()}"


def status(facts: Row) -> str:
    """The page of `runner status`, from facts as of `runner.summary.status`: a block for each sweep."""
    blocks = []
    for one in facts["sweeps"]:
        scheduler, unsettled = one["scheduler"], any(one["counts"][state] for state in UNSETTLED)
        line = "\n" + plain(scheduler_line(scheduler, facts["read_at"])) if scheduler["alive"] or unsettled else ""
        blocks.append(runs(one["sweep"], one["runs"]) + line)
    if facts["slurm"] and facts["slurm"]["trouble"]:
        blocks.append(f"slurm does not answer: {plain(facts['slurm']['trouble'])}; the rest is told by the ledger")
    if hidden := facts["hidden_runs"]:
        blocks.append(f"not shown: {some(hidden, 'run')} that no sweep names any more; the view `attempts` has them")
    return "\n\n".join(blocks) or "no sweep has been run here"


def runs(sweep: str, rows: Sequence[Row]) -> str:
    """How many runs of a sweep are in which state, and a line for each."""
    header = ("label", "state", "failure", "attempts", "run", "because")
    keys = ("label", "state", "failure_kind", "attempts", "run")
    lines = [(*("" if row[key] is None else row[key] for key in keys), _because(row)) for row in rows]
    queued = queue_words.counts(stand for row in rows if (stand := _stand(row)))
    there = f"; with slurm: {queued}" if queued else ""
    return f"{sweep}: {counts(row['state'] for row in rows)}{there}\n{table(header, lines)}"


def _because(row: Row) -> str:
    """With where its attempt stands with a cluster, where that was asked."""
    stand = _stand(row)
    return shorten(row["because"]) if stand is None else f"{queue_words.said(stand)}; {shorten(row['because'])}"


def _stand(row: Row) -> Stand | None:
    told = row.get("queue")
    return Stand(**{key: told[key] for key in told if key != "launcher"}) if told else None


def some(count: int, what: str) -> str:
    """`1 run`, `2 runs`."""
    return f"{count} {what}" if count == 1 else f"{count} {what}s"


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


def scheduler_line(scheduler: Row, now: float) -> str:
    """Who works on a sweep, or why nobody does."""
    who = f"process {scheduler['pid']} on {scheduler['host']}"
    seen = f"last seen {duration(abs(now - scheduler['last_seen']))} ago"
    if scheduler["alive"]:
        return f"scheduler: {who}, {seen}"
    how = {
        "settled": f"none; {who} ended it",
        "interrupted": f"none; {who} was interrupted",
        "halted": f"none; {who} halted it, because runs failed alike",
        "broken_off": f"none; {who} was told twice to leave",
        None: f"none; {who} is gone without a word (killed, stopped, or by an error)",
    }[scheduler["ended"]]
    return f"scheduler: {how}, {seen}"
