"""What people read: aligned, plain, and true."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from runner import show
from runner.metrics_feed import MetricsFeed, parse_point
from runner.why import FORMER, what_next
from sweeps.units import duration, size


def test_nothing_in_a_text_can_move_the_cursor() -> None:
    assert show.plain("a\x1b[31mb\x07\r\u202ec\tn\n") == "a�[31mb���c\tn\n"


def test_columns_are_as_wide_as_their_widest_cell() -> None:
    assert show.table(("a", "bb"), [("long", 1), ("x\ny", 22)]) == "a     bb\nlong  1\nx y   22"


@pytest.mark.parametrize(
    ("count", "said"), [(None, "-"), (0, "0 B"), (1023, "1023 B"), (2**20, "1 MiB"), (5 * 2**29, "2.5 GiB")]
)
def test_sizes(count: int | None, said: str) -> None:
    assert size(count) == said


@pytest.mark.parametrize(
    ("count", "said"), [(None, "-"), (8.24, "8.2 s"), (60, "1 min 00 s"), (185, "3 min 05 s"), (7800, "2 h 10 min")]
)
def test_durations(count: float | None, said: str) -> None:
    assert duration(count) == said


def test_counts_name_every_state_that_occurs() -> None:
    assert show.counts(["failed", "succeeded", "succeeded"]) == "2 succeeded, 1 failed of 3"
    assert show.counts([]) == "no runs of 0"


@pytest.mark.parametrize("state", [*show.STATES, FORMER])
@pytest.mark.parametrize("alive", [0, 1])
@pytest.mark.parametrize("ended", [None, "settled", "interrupted", "halted", "broken_off"])
def test_every_state_says_what_comes_next(state: str, alive: int, ended: str | None) -> None:
    taken = {"alive": alive, "ended": ended, "file": "/a b/sweep.yaml"}
    coming = what_next({"state": state, "run": "dlinear-1", "sweep": "probe"}, taken, None, Path("/r"))
    assert coming["happens"]
    typed = {"failed": "runner retry dlinear-1 --root /r", "unobserved": "runner sweep '/a b/sweep.yaml' --root /r"}
    assert coming["type"] == typed.get(state, coming["type"])
    assert coming["type"] or state in ("succeeded", "running", "retrying", "waiting", FORMER)


def test_the_last_column_is_wrapped_where_there_is_a_width() -> None:
    text = show.table(("a", "because"), [("one", "word " * 20)], width=40)
    assert {len(line) <= 40 for line in text.split("\n")} == {True}
    assert text.split("\n")[2].startswith("     word")
    assert "\n" not in show.wrapped("rule: ", "word " * 20, 6, None)


def test_what_failed_attempts_cost() -> None:
    rows: list[dict[str, Any]] = [
        {"verdict": "failed", "failure_kind": "cuda_oom", "wall": 60.0},
        {"verdict": "failed", "failure_kind": "lost", "wall": None},
        {"verdict": "succeeded", "failure_kind": None, "wall": 600.0},
    ]
    assert show.wasted(rows) == (
        "1 min 00 s and an unknown time went into attempts that failed: cuda_oom 1 min 00 s, lost an unknown time"
    )
    assert show.wasted(rows[2:]) == ""


GOOD = b'{"step": 3, "name": "train.loss", "value": 0.5, "time": 1.0}'


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b'"x"',
        b'{"step": 3}',
        GOOD.replace(b"3", b"-1"),
        GOOD.replace(b"3", b"true"),
        GOOD.replace(b"0.5", b'"much"'),
        GOOD.replace(b"0.5", b"null"),
        GOOD.replace(b'"train.loss"', b"7"),
        GOOD.replace(b"1.0", b'"now"'),
        GOOD.replace(b"3", b"1e30"),
        b"\xff\xfe",
    ],
)
def test_lines_that_are_no_metrics_are_passed_over(line: bytes) -> None:
    assert parse_point(line) is None


@pytest.mark.parametrize("word", ["nan", "inf", "-inf"])
def test_non_finite_values_are_kept_apart(word: str) -> None:
    point = parse_point(GOOD.replace(b"0.5", f'"{word}"'.encode()))
    assert point
    assert (point["value"], point["non_finite"]) == (None, word)
    huge = parse_point(GOOD.replace(b"0.5", b"1e999"))
    assert huge
    assert (huge["value"], huge["non_finite"]) == (None, "inf")


def test_a_growing_file_is_read_once_and_a_torn_line_waits(tmp_path: Path) -> None:
    path = tmp_path / "metrics.jsonl"
    feed = MetricsFeed(path)
    assert feed.read_new() == []
    path.write_bytes(GOOD + b"\n" + GOOD[:20])
    assert len(feed.read_new()) == 1
    assert feed.read_new() == []
    with path.open("ab") as file:
        file.write(GOOD[20:].replace(b"0.5", b"0.25") + b"\nnonsense\n")
    (point,) = feed.read_new()
    assert point["value"] == 0.25
    assert (feed.step, feed.latest) == (3, {"train.loss": 0.25})


def test_once_its_writers_have_ended_a_last_line_needs_no_line_break(tmp_path: Path) -> None:
    path = tmp_path / "metrics.jsonl"
    feed = MetricsFeed(path)
    path.write_bytes(GOOD + b"\n" + GOOD.replace(b"0.5", b'"nan"'))
    assert [point["non_finite"] for point in feed.read_new()] == [None]
    assert [point["non_finite"] for point in feed.read_new(ended=True)] == ["nan"]
    assert feed.non_finite == "train.loss was nan at step 3"
    assert feed.read_new(ended=True) == []


def test_a_torn_line_is_no_metric_when_its_writers_have_ended(tmp_path: Path) -> None:
    path = tmp_path / "metrics.jsonl"
    path.write_bytes(GOOD + b"\n" + GOOD[:-1])
    assert len(MetricsFeed(path).read_new(ended=True)) == 1


@pytest.mark.parametrize("put", [os.mkfifo, Path.mkdir, lambda path: path.symlink_to("/dev/zero")])
def test_what_is_no_file_is_told_and_waited_for_by_nobody(tmp_path: Path, put: Callable[[Path], None]) -> None:
    feed = MetricsFeed(tmp_path / "metrics.jsonl")
    put(feed.path)
    assert feed.read_new(ended=True) == []
    assert feed.unreadable
    assert feed.unreadable.startswith("metrics.jsonl cannot be read: ")
