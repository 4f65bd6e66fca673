"""All that is known of how a run came to its state, and what happens next: from the ledger and the attempt's folder.

Facts only, as `runner why --json` prints them; `runner.why_page` makes a page of them for people.
"""

from __future__ import annotations

import json
from contextlib import suppress
from pathlib import Path
from typing import Any

from db.board import Board, Row
from runner import in_queue, queue_words, summary
from runner.attempt_dir import AttemptDir, BadRecord
from runner.evidence import end_of, tail
from runner.failures import BY_WORD, FAILURE_KINDS
from runner.liveness import is_alive
from runner.places import as_typed
from runner.repeating import shell_line
from runner.sweep_lock import stopped_holder

FORMER = "former"
"""Of a run that its sweep no longer names; the ledger has no such state."""
TAIL_LINES = 15
_OF_A_RUN = ("sweep", "run", "label", "backbone", "command", "state", "failure_kind", "attempts", "because")
_PROVEN = {
    "succeeded": "Every witness agrees; then nothing in any log can make it a failure.",
    "unverified": "No witness disagrees, and none can tell whether it succeeded: nothing was declared or reported.",
}


def explain(board: Board, root: Path, run: str) -> dict[str, Any]:
    """The facts about one run, by its id."""
    ladder = board.attempts(run)
    schedulers = {taken["sweep"]: taken for taken in board.schedulers()}
    # of two sweeps that share the run, the one that is being worked on tells what happens to it
    current = max(
        (row for row in board.run_status() if row["run"] == run),
        key=lambda row: bool(schedulers[row["sweep"]]["alive"]),
        default=None,
    )
    row = current or _former(run, board.expansions(run)[-1], ladder)
    taken = schedulers[row["sweep"]]
    said = board.notes(row["sweep"]) if current else {}
    last = ladder[-1] if ladder else None
    return {
        **summary.head(board, root),
        **{key: row[key] for key in _OF_A_RUN},
        "next": what_next(row, taken, last, root),
        "scheduler": summary.scheduler(taken),
        "rule": _rule(last) if last else None,
        "evidence": json.loads(board.evidence(run, row["attempts"])),
        "notes": [note for note, labels in said.items() if row["label"] in labels],
        "attempt_ladder": ladder,
        "latest": _latest(last, board, root) if last else None,
    }


def _former(run: str, expansion: Row, ladder: list[Row]) -> Row:
    """A row as of `run_status`, for a run that its sweep no longer names."""
    last = ladder[-1] if ladder else None
    said = f"attempt {last['attempt']}: {last['because'] or last['verdict']}" if last else "it was never tried"
    return {
        **expansion,
        "run": run,
        "state": FORMER,
        "failure_kind": last["failure_kind"] if last else None,
        "attempts": last["attempt"] if last else 0,
        "because": f"it is no longer part of the sweep `{expansion['sweep']}`, which was changed since; {said}",
    }


def _rule(last: Row) -> dict[str, Any] | None:
    """Which rule gave the latest attempt its verdict. `row` is the place of a failure's kind in the catalogue."""
    word = last["failure_kind"] or last["verdict"]
    if word in _PROVEN:
        return {"word": word, "row": None, "rows": None, "sentence": _PROVEN[word], "remedy": None, "advice": None}
    if word not in BY_WORD:
        return None
    kind = BY_WORD[word]
    return {
        "word": word,
        "row": [known.word for known in FAILURE_KINDS].index(word) + 1,
        "rows": len(FAILURE_KINDS),
        "sentence": kind.sentence,
        "remedy": kind.remedy.value,
        "advice": kind.advice,
    }


def what_next(row: Row, taken: Row, last: Row | None, root: Path) -> dict[str, str | None]:
    """What happens to the run from here and why, and what a person types where it is up to them."""
    state = str(row["state"])
    happens = {
        "succeeded": "nothing, it is done",
        "running": "its verdict, when it has ended",
        "retrying": f"another attempt, by the scheduler that is running{_remedy(last)}",
        "waiting": f"nothing by itself: {_gone(taken)}; the sweep goes on with",
        "unobserved": f"nothing by itself: {_gone(taken)}; its open attempt is looked after again with",
        "unverified": "nothing by itself; once the sweep file declares what proves a success (docs/your_own_script.md)",
        "failed": "nothing by itself; once the cause is mended, it is tried again with",
        "cancelled": "nothing by itself; it is taken up again with",
        FORMER: "nothing, unless the sweep names it again",
    }[state]
    if state == "waiting" and taken["alive"]:
        return {"happens": "an attempt, as soon as the scheduler that is running has a slot for it", "type": None}
    stopped = stopped_holder(root, str(row["sweep"])) if state in ("waiting", "unobserved") else None
    if stopped is not None:
        happens = (
            f"nothing by itself: its scheduler, process {stopped}, is stopped (SIGSTOP, or Ctrl-Z); it goes on with"
        )
        return {"happens": happens, "type": f"kill -CONT {stopped}"}
    typed = {"waiting": "sweep", "unobserved": "sweep", "unverified": "sweep", "failed": "retry", "cancelled": "retry"}
    named = {"sweep": str(taken["file"]), "retry": str(row["run"])}
    verb = typed.get(state)
    return {"happens": happens, "type": as_typed(root, verb, named[verb]) if verb else None}


def _remedy(last: Row | None) -> str:
    kind = BY_WORD.get((last and last["failure_kind"]) or "")
    return f"; after {kind.word}: {kind.remedy.value}" if kind else ""


def _gone(taken: Row) -> str:
    """Why no scheduler works on the sweep."""
    return {
        "settled": "its sweep had ended",
        "interrupted": "its sweep was interrupted",
        "halted": "its sweep was halted, because runs failed alike",
        "broken_off": "its scheduler was told twice to leave",
    }.get(taken["ended"] or "", "its scheduler is gone without a word")


def _latest(last: Row, board: Board, root: Path) -> dict[str, Any]:
    """What the latest attempt's folder tells, and how to carry it out once more."""
    folder = AttemptDir(root / last["run"] / str(last["attempt"]))
    text, where = tail(folder)
    log = {"of": where, "path": str(folder.path / f"{where}.log"), "lines": text.splitlines()[-TAIL_LINES:]}
    again = ("repeat", last["run"], "--attempt", str(last["attempt"]))
    return {
        "attempt": last["attempt"],
        "began": folder.claim.exists(),
        "lives": _lives(folder) if last["verdict"] == "open" else False,
        "stands": _stands(board, last["run"]) if last["verdict"] == "open" else None,
        "folder": str(folder.path),
        "log": log if text.strip() else None,
        "supervisor_said": end_of(folder.supervisor_log).decode(errors="replace").strip() or None,
        "ran": _ran(folder),
        "repeat": as_typed(root, *again),
        "show": as_typed(root, *again, "--show"),
    }


def _lives(folder: AttemptDir) -> bool | None:
    """Whether a supervisor holds the open attempt; None where that cannot be told from here."""
    with suppress(OSError):
        return is_alive(folder)
    return None


def _stands(board: Board, run: str) -> str | None:
    """Where the open attempt stands with the cluster that it was given to; None where it was given to none."""
    stand = in_queue.ask_for(board, [run]).stands.get(run)
    return queue_words.said(stand) if stand else None


def _ran(folder: AttemptDir) -> str | None:
    """The line for a shell that is the attempt's command, as it was started; None where its plan is gone."""
    try:
        plan = folder.read_plan()
    except (OSError, BadRecord):
        return None
    return shell_line(plan, plan.env)
