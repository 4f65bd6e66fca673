"""Which recordings, or which part of them, are for training, for validation and for the test. Pure.

Windows of one recording, and recordings of one bearing, resemble each other more than those of another bearing, so a
split by windows flatters every model. Each group is therefore split as coarsely as it allows, and what had to be split
more finely is told in a note.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal, TypeVar

from tasks.data.layout import UNKNOWN, Recording

Split = Literal["train", "validation", "test"]
SPLITS: tuple[Split, ...] = ("train", "validation", "test")
SHARE = 0.2
"""Of the units of a group that validation and test get each, at least one."""

_BY_RECORDING = "fewer than three bearings, so split by recording"
_IN_TIME = "fewer than three recordings, so each is cut into blocks in time"

T = TypeVar("T")


@dataclass(frozen=True, kw_only=True)
class Source:
    """A recording that can be used, with its length in samples."""

    recording: Recording
    length: int


@dataclass(frozen=True, kw_only=True)
class Piece:
    """Samples `start` to `stop` of a recording, for one split."""

    source: Source
    split: Split
    start: int
    stop: int


def split_recordings(sources: Sequence[Source], span: int, gap: int) -> tuple[tuple[Piece, ...], tuple[str, ...]]:
    """Return the pieces of every recording, and notes on what could not be split by bearing.

    Run-to-failure bearings of a system (those with a `rul`) are split by bearing where there are three of them. All
    else is grouped by system and label, and each group is split by bearing where it has three of them, else by
    recording, else each of its one or two recordings is cut into three blocks of at least `span` samples with `gap`
    samples between them. Which unit goes where depends on its name alone, not on the order of the table.
    """
    pieces: list[Piece] = []
    notes: dict[tuple[int, str], list[str]] = {}
    for system, name, group in _groups(sources):
        found, note = _split_group(group, span, gap)
        pieces += found
        if note:
            notes.setdefault((system, note), []).append(name)
    told = [f"system {system}, {', '.join(names)}: {note}" for (system, note), names in notes.items()]
    return tuple(pieces), (*told, *_shared(pieces), *_unseen(pieces))


def _groups(sources: Sequence[Source]) -> Iterator[tuple[int, str, list[Source]]]:
    for system, members in sorted(_by(sources, lambda source: source.recording.system).items()):
        worn = {_bearing(source) for source in members if not math.isnan(source.recording.rul)}
        together = worn if len(worn) >= len(SPLITS) else set()
        if together:
            yield system, "run to failure", [source for source in members if _bearing(source) in together]
        rest = [source for source in members if _bearing(source) not in together]
        for label, group in sorted(_by(rest, lambda source: source.recording.label).items()):
            yield system, f"label {label}", group


def _split_group(group: Sequence[Source], span: int, gap: int) -> tuple[list[Piece], str | None]:
    bearings = _by(group, _bearing)
    if len(bearings) >= len(SPLITS):
        split_of = _assign(bearings)
        return [_whole(source, split_of[_bearing(source)]) for source in group], None
    if len(group) >= len(SPLITS):
        split_of = _assign(str(source.recording.id) for source in group)
        return [_whole(source, split_of[str(source.recording.id)]) for source in group], _BY_RECORDING
    return _split_in_time(group, span, gap)


def _split_in_time(group: Sequence[Source], span: int, gap: int) -> tuple[list[Piece], str]:
    short = [source.recording.id for source in group if source.length < len(SPLITS) * span + 2 * gap]
    pieces = [piece for source in group for piece in _blocks(source, span, gap)]
    told = f"; {named(short)} is too short for that and is for training only" if short else ""
    return pieces, f"{_IN_TIME}{told}"


def _blocks(source: Source, span: int, gap: int) -> Iterator[Piece]:
    usable = source.length - 2 * gap
    if usable < len(SPLITS) * span:
        yield _whole(source, "train")
        return
    held_out = max(span, int(usable * SHARE))
    start = 0
    for split in SPLITS:
        stop = start + (usable - 2 * held_out if split == "train" else held_out)
        yield Piece(source=source, split=split, start=start, stop=stop)
        start = stop + gap


def _whole(source: Source, split: Split) -> Piece:
    return Piece(source=source, split=split, start=0, stop=source.length)


def _assign(units: Iterable[str]) -> dict[str, Split]:
    """At least three names to splits, in the order of their hashes, which has nothing to do with time or load."""
    order = sorted(set(units), key=lambda unit: hashlib.sha256(unit.encode()).digest())
    held_out = max(1, round(SHARE * len(order)))
    return {unit: _split_at(rank, held_out) for rank, unit in enumerate(order)}


def _split_at(rank: int, held_out: int) -> Split:
    if rank < held_out:
        return "test"
    return "validation" if rank < 2 * held_out else "train"


def named(ids: Sequence[int]) -> str:
    """Recordings by their ids, neighbours as a range: `recording 3, 7-9`."""
    ranges: list[list[int]] = []
    for one in sorted(ids):
        if ranges and ranges[-1][1] == one - 1:
            ranges[-1][1] = one
        else:
            ranges.append([one, one])
    return "recording " + ", ".join(f"{first}-{last}" if last > first else str(first) for first, last in ranges)


def _shared(pieces: Sequence[Piece]) -> Iterator[str]:
    """Bearings of which a model has seen something before it is tested on them."""
    splits: dict[int, dict[str, set[Split]]] = {}
    for piece in pieces:
        bearings = splits.setdefault(piece.source.recording.system, {})
        bearings.setdefault(_bearing(piece.source), set()).add(piece.split)
    for system, bearings in sorted(splits.items()):
        shared = sum(len(found) > 1 for found in bearings.values())
        if shared:
            of_all = f"{shared} of {len(bearings)} bearings (folders of File)"
            yield f"system {system}: {of_all} in several splits, which flatters scores"


def _unseen(pieces: Sequence[Piece]) -> Iterator[str]:
    """Classes that a model is asked for and was never shown."""
    taught = {_class(piece) for piece in pieces if piece.split == "train"}
    asked = {_class(piece) for piece in pieces if piece.split != "train"}
    for system, label in sorted(asked - taught):
        if label != UNKNOWN:
            yield f"system {system}, label {label}: has no bearing in the training split; it cannot be learned"


def _class(piece: Piece) -> tuple[int, int]:
    return piece.source.recording.system, piece.source.recording.label


def _bearing(source: Source) -> str:
    return source.recording.bearing


def _by(sources: Iterable[Source], key: Callable[[Source], T]) -> dict[T, list[Source]]:
    groups: dict[T, list[Source]] = {}
    for source in sources:
        groups.setdefault(key(source), []).append(source)
    return groups
