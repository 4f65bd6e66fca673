"""`runner why RUN` as a page for a tired reader: the verdict first, then what it rests on. Pure: facts in, text out."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from runner.show import UNSETTLED, plain, scheduler_line, table, wrapped
from sweeps.units import duration, size

Facts = Mapping[str, Any]


def page(facts: Facts, width: int | None = None) -> str:
    """Facts as of `runner.why.explain`; `width` is of the reader's lines, where there is one."""
    blocks = [_head(facts, width), _rule(facts["rule"], width), _ladder(facts, width)]
    blocks += [_witnesses(facts, width), _notes(facts["notes"], width), *_folder(facts, width)]
    return "\n\n".join(block for block in blocks if block)


def _head(facts: Facts, width: int | None) -> str:
    kind = f" ({facts['failure_kind']})" if facts["failure_kind"] else ""
    coming, scheduler = facts["next"], facts["scheduler"]
    lines = [
        f"{facts['label']}  {facts['run']}  of sweep {facts['sweep']}",
        f"{facts['state']}{kind}: {facts['because']}",
        f"next: {coming['happens']}" + (":" if coming["type"] else ""),
    ]
    return "\n".join(
        [
            *(wrapped("", plain(line), 0, width) for line in lines),
            *([f"    {plain(coming['type'])}"] if coming["type"] else []),
            *([plain(scheduler_line(scheduler, facts["read_at"]))] if facts["state"] in UNSETTLED else []),
        ]
    )


def _rule(rule: Facts | None, width: int | None) -> str:
    """Which rule gave the verdict, and what is done about its kind."""
    if rule is None:
        return ""
    place = f" (row {rule['row']} of {rule['rows']} in docs/failures.md, the first that fits)" if rule["row"] else ""
    named = f"{rule['word']}{place}: " if place else ""
    said = {"rule": f"{named}{rule['sentence']}", "remedy": rule["remedy"], "you": rule["advice"]}
    return "\n".join(wrapped(f"{key}: ", text, 8, width) for key, text in said.items() if text)


def _ladder(facts: Facts, width: int | None) -> str:
    """The attempts, first to last. What is the same trivial thing in all of them is left out."""
    header = ("attempt", "opened", "batch", "steps", "verdict", "time", "peak memory", "device", "because")
    cells = [list(_rung(row, facts["because"])) for row in facts["attempt_ladder"]]
    kept = [column for column in range(len(header)) if any(row[column] not in ("", "-") for row in cells)]
    lines = [[row[column] for column in kept] for row in cells]
    return table([header[column] for column in kept], lines, width) if cells else ""


def _rung(row: Facts, said: str) -> Iterator[str]:
    yield str(row["attempt"])
    yield time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(row["opened_at"]))
    yield f"{row['micro_batch']} x {row['grad_accum']}" if row["effective_batch"] > 1 else "-"
    yield f"from {row['start_step']} of attempt {row['resumed_number']}" if row["start_step"] else "-"
    yield row["failure_kind"] or row["verdict"]
    yield duration(row["wall"])
    yield size(row["peak_memory"] or row["peak_host_memory"])
    yield row["device"]
    yield "as above" if row["because"] == said else row["because"] or ""


def _witnesses(facts: Facts, width: int | None) -> str:
    if not facts["latest"]:
        return ""
    title = f"witnesses of attempt {facts['latest']['attempt']}"
    if facts["attempt_ladder"][-1]["verdict"] != "open":
        heard = [(one["witness"], "agrees" if one["agrees"] else "DISAGREES", one["said"]) for one in facts["evidence"]]
        return f"{title}\n{table(('witness', 'success?', 'says'), heard, width)}" if heard else f"{title}: none"
    latest = facts["latest"]
    lives = {
        True: "it is alive",
        False: "it has ended, and nobody has heard its witnesses yet",
        None: "whether it is alive cannot be told from here",
    }[latest["lives"]]
    stands = f" ({plain(latest['stands'])})" if latest["stands"] else ""
    return f"{title}: not heard yet, for it is open; {lives if latest['began'] else 'it has not begun'}{stands}"


def _notes(notes: Sequence[str], width: int | None) -> str:
    return "\n".join(wrapped("note: ", plain(note), 6, width) for note in notes)


def _folder(facts: Facts, width: int | None) -> Iterator[str]:
    """What the latest attempt left, and how to do it again."""
    latest = facts["latest"]
    if not latest:
        return
    if latest["supervisor_said"]:
        yield wrapped("", plain(f"its supervisor complained: {latest['supervisor_said']}"), 0, width)
    if latest["log"]:
        lines = plain("\n".join(latest["log"]["lines"])).split("\n")
        yield "\n".join([f"last lines of {latest['log']['path']}:", *(f"  | {line}" for line in lines)])
    else:
        yield "it printed nothing"
    said = {"folder": latest["folder"], "it ran": latest["ran"], "again, by hand": latest["repeat"]}
    lines = [f"{key}: {plain(text)}" for key, text in said.items() if text]
    yield "\n".join([*lines, f"  (elsewhere, and nothing is recorded; {plain(latest['show'])} prints the line)"])
