"""What the ledger says of a kill storm, held against the side channel and against what was killed.

An attempt whose supervisor was killed before `exit.json` is `lost` even if its body finished: no witness could know.
Any other failure of a body that nobody touched is a false one, and so is a success without an end mark.
"""

from __future__ import annotations

import json
import sqlite3
from collections import Counter, defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

NEVER_RAN = ("interrupted", "launch_refused")
Row = Mapping[str, Any]


@dataclass(frozen=True)
class Kill:
    """SIGKILL for a process; `nonce` names the attempt that it was of. `at` is a time of `time.monotonic`."""

    what: str
    nonce: str | None
    at: float
    pid: int


def judge_storm(folder: Path, kills: Sequence[Kill], runs: int, happened: Counter[str]) -> list[str]:
    """Returns all that is wrong, and counts what happened."""
    path = folder / "runs" / "ledger.db"
    if not path.exists():
        return ["there is no ledger"]
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as ledger:
        ledger.row_factory = sqlite3.Row
        story = Story(
            folder=folder / "runs",
            runs=[dict(row) for row in ledger.execute("SELECT * FROM run_status ORDER BY position")],
            attempts=[dict(row) for row in ledger.execute("SELECT * FROM attempts ORDER BY run, attempt")],
            schedulers={row["pid"] for row in ledger.execute("SELECT pid FROM scheduler")},
            scores={row["run"]: row["value"] for row in ledger.execute(SCORES)},
            checked=[row[0] for row in ledger.execute("PRAGMA integrity_check")],
            marks=read_marks(folder / "side" / "marks.jsonl"),
            kills=kills,
        )
    story.count(happened)
    return list(story.wrongs(runs))


SCORES = "SELECT run, value FROM final_metrics WHERE metric = 'score'"


def read_marks(path: Path) -> list[Row]:
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


class Story:
    """All that is known of one sweep after its end."""

    def __init__(
        self,
        *,
        folder: Path,
        runs: Sequence[Row],
        attempts: Sequence[Row],
        schedulers: Collection[int],
        scores: Mapping[str, float],
        checked: Sequence[str],
        marks: Sequence[Row],
        kills: Sequence[Kill],
    ) -> None:
        self._folder = folder
        self._runs = runs
        self._schedulers = schedulers
        self._scores = scores
        self._checked = checked
        self._marks = marks
        self._kills = kills
        self._attempts: dict[str, list[Row]] = defaultdict(list)
        for row in attempts:
            self._attempts[row["run"]].append(row)
        self._hit: dict[str, set[str]] = defaultdict(set)
        for each in kills:
            if each.nonce:
                self._hit[each.nonce].add(each.what)
        self._marked: dict[str, dict[str, Row]] = defaultdict(dict)
        for mark in marks:
            self._marked[mark["nonce"]].setdefault(mark["what"], mark)

    def wrongs(self, runs: int) -> Iterator[str]:
        if self._checked != ["ok"]:
            yield f"PRAGMA integrity_check: {'; '.join(self._checked)}"
        if len(self._runs) != runs:
            yield f"{len(self._runs)} runs of {runs} are in the ledger"
        for row in self._runs:
            if row["state"] != "succeeded":
                yield f"lost run: {row['label']} is {row['state']}: {row['because']}"
            yield from self._wrongs_of(row)
        yield from self._bodies_side_by_side()

    def _wrongs_of(self, run: Row) -> Iterator[str]:
        attempts = self._attempts[run["run"]]
        numbers = [row["attempt"] for row in attempts]
        verdicts = [row["verdict"] for row in attempts]
        if numbers != list(range(1, len(numbers) + 1)):
            yield f"{run['label']}: its attempts are {numbers}"
        folders = sorted(int(each.name) for each in (self._folder / run["run"]).iterdir())
        if folders != numbers:
            yield f"{run['label']}: its attempts are {numbers}, its folders {folders}"
        if "succeeded" in verdicts[:-1]:
            yield f"completed twice: {run['label']}: {verdicts}"
        score = self._scores.get(run["run"])
        if run["state"] == "succeeded" and score != run["position"] + 0.5:
            yield f"{run['label']}: its score is {score}, which is not what it wrote"
        for attempt in attempts:
            why = self._wrong_of(attempt)
            if why:
                yield f"{run['label']}, attempt {attempt['attempt']}: {why} ({attempt['because']})"

    def _wrong_of(self, attempt: Row) -> str | None:
        hit, marked = self._hit[attempt["nonce"]], self._marked[attempt["nonce"]]
        verdict, kind = attempt["verdict"], attempt["failure_kind"]
        if verdict == "succeeded":
            return None if "end" in marked else "false success: its body did not finish"
        if verdict != "failed":
            return f"left {verdict}"
        if kind in NEVER_RAN and "start" in marked:
            return f"false failure: {kind}, but its body ran"
        has_exit = (self._folder / attempt["run"] / str(attempt["attempt"]) / "exit.json").exists()
        excused = {
            "interrupted": any(each.what == "scheduler" for each in self._kills),
            "launch_refused": "supervisor" in hit,
            "lost": "supervisor" in hit and not has_exit,
            "killed": "worker" in hit,
            "contradiction": "worker" in hit,
        }
        return None if excused.get(kind) else f"false failure: {kind}, but only {sorted(hit) or 'nobody'} was killed"

    def _bodies_side_by_side(self) -> Iterator[str]:
        """By the lock that each body holds, and once more by the marks of those that finished."""
        known = {row["nonce"] for rows in self._attempts.values() for row in rows}
        spans: dict[str, list[tuple[float, float]]] = defaultdict(list)
        for marked in self._marked.values():
            if "end" in marked:
                spans[marked["end"]["run"]].append((marked["start"]["time"], marked["end"]["time"]))
        for mark in self._marks:
            where = f"{mark['run']}, attempt {mark['nonce']}"
            if mark["nonce"] not in known:
                yield f"{where} ran and is not in the ledger"
            if mark["what"] == "start":
                if mark["beside"] is not None or any(start < mark["time"] < end for start, end in spans[mark["run"]]):
                    yield f"two bodies at once: {where} started beside another"
                if mark is not self._marked[mark["nonce"]]["start"]:
                    yield f"{where} started twice"

    def count(self, happened: Counter[str]) -> None:
        """What was killed, and what became of the attempts."""
        opened = {row["nonce"]: row for rows in self._attempts.values() for row in rows}
        for each in self._kills:
            row = opened.get(each.nonce or "")
            happened[f"killed: {each.what}{self._moment(each, row)}"] += 1
        for nonce, row in opened.items():
            finished = row["verdict"] == "failed" and "end" in self._marked[nonce]
            word = f"{row['failure_kind']}{', though its body finished' if finished else ''}"
            happened[f"attempt: {row['verdict'] if row['verdict'] != 'failed' else word}"] += 1
        happened["run: succeeded"] += sum(row["state"] == "succeeded" for row in self._runs)
        happened["run: not succeeded"] += sum(row["state"] != "succeeded" for row in self._runs)

    def _moment(self, each: Kill, row: Row | None) -> str:
        if each.nonce is None:
            return " at work" if each.pid in self._schedulers else " before it had taken the sweep"
        marked = self._marked[each.nonce]
        if "start" not in marked or each.at < marked["start"]["time"]:
            return " before the body began"
        if "end" not in marked or each.at < marked["end"]["time"]:
            return " while the body ran"
        ended_late = row is not None and row["verdict"] == "failed"
        return " after the body had finished" + (", before that was recorded" if ended_late else "")
