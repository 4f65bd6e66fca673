"""What the sweep file declares as evidence of success, held against what a command left.

Only what was there when the command had ended counts, as its supervisor saw it: what processes left behind write
afterwards proves nothing, and neither does what lay there before.
"""

from __future__ import annotations

import hashlib
import math
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Literal

from db.declared import DeclaredFile
from db.records import Exit, FileSeen, Plan, Stamp
from runner.attempt_dir import AttemptDir
from runner.contents import Contents, Fault, read_contents
from runner.evidence import Proof, end_of
from runner.last_line import last_line
from runner.patience import TookTooLong, at_most
from runner.regular_file import reading
from runner.watched import below, matching, stamp_of
from runner.wholeness import END_BYTES, is_known_by_its_end, require_end, require_whole
from sweeps.units import size

MAX_FILE_BYTES = 64 * 2**20
MATCHING = 2.0
"""Seconds in which a last line has to be found to match, or not: a pattern can take longer than the world will last."""
CLOCKS_APART = 60.0
"""Seconds by which clocks may differ of two file systems."""
SLEWED = 0.5
"""Seconds by which two clocks of one host may differ over an attempt, without either having been set."""
COARSE = 2.0
"""Seconds to which the coarsest file systems keep times."""


def read_proofs(attempt: AttemptDir, plan: Plan, exit_: Exit) -> tuple[Proof, ...]:
    """Look at all that a plan declares. Call it only once the attempt is proven over."""
    if plan.declared is None:
        return ()
    seen = {each.path: each for each in exit_.files}
    earliest = _earliest(attempt, exit_, seen)
    files = [_prove_file(attempt, file, seen, earliest) for file in plan.declared.files]
    wanted = plan.declared.last_line
    return (*files, *([] if wanted is None else [_prove_last_line(attempt, wanted, exit_)]))


def examine(file: DeclaredFile, data: bytes) -> tuple[Mapping[str, float], str]:
    """The metrics that the bytes of a declared file hold, and what it says. Pure.

    Raises:
        Fault: something declared of it does not hold.
    """
    if not data.strip():
        raise Fault("bad_result", "is empty")
    contents = read_contents(data, file.kind, (*file.columns.values(), *file.at_least))
    if file.kind in ("csv", "yaml") and not file.open_end:
        require_end(data, file.kind)
    metrics = {name: _last_finite(contents, path) for name, path in file.columns.items()}
    reached = [_reached(contents, path, least) for path, least in file.at_least.items()]
    if contents.rows < file.rows:
        raise Fault("incomplete", f"has {contents.rows} rows; at least {file.rows} are declared")
    told = [f"{name} = {value:.6g}" for name, value in metrics.items()] + reached
    rows = [f"{contents.rows} row{'s' * (contents.rows != 1)}"] if contents.noun == "column" else []
    return metrics, ", ".join([*rows, *told]) or size(len(data))


def _last_finite(contents: Contents, path: str) -> float:
    numbers = contents.numbers(path)
    gone = contents.gone_since(path)
    if gone:
        raise Fault("non_finite", f"holds nothing under `{path}` in its last rows, after row {gone}; NaN is written so")
    bad = [number for number in numbers if not math.isfinite(number)]
    if bad:
        raise Fault("non_finite", f"holds {bad[0]} under `{path}`")
    return numbers[-1]


def _reached(contents: Contents, path: str, least: float) -> str:
    highest = max((number for number in contents.numbers(path) if math.isfinite(number)), default=None)
    if highest is None or highest < least:
        said = "nothing finite" if highest is None else f"{highest:.6g}"
        raise Fault("incomplete", f"reached {said} under `{path}`; at least {least:.6g} is declared")
    return f"{path} reached {highest:.6g}"


def _earliest(attempt: AttemptDir, exit_: Exit, seen: Mapping[str, FileSeen]) -> float:
    """Since when the command can have written, by the clock of the file system, in nanoseconds.

    Since its log was made; where the clock was set back meanwhile, as long before `exit.json` as the command ran, and
    nobody knows how much later than its end that was written.
    """
    log, left = seen.get(str(attempt.stdout)), stamp_of(attempt.exit)
    begun = log.before.changed if log and log.before else exit_.started_at * 1e9
    set_back = begun + exit_.wall * 1e9 - left.changed if left else 0.0
    apart = CLOCKS_APART if set_back > SLEWED * 1e9 else 0.0
    return begun - max(0.0, set_back) - apart * 1e9


def _prove_file(attempt: AttemptDir, file: DeclaredFile, seen: Mapping[str, FileSeen], earliest: float) -> Proof:
    name = below(file.path, attempt.path)
    try:
        found = _the_one(file.path, attempt.path, seen)
        name = below(found.path, attempt.path)
        _require_fresh(found, attempt.path, earliest)
        data, metrics, said = _look_at(file, found)
    except Fault as fault:
        return Proof(witness="file", name=name, said=f"{name} {fault}", kind=fault.kind)
    except (OSError, ValueError, RecursionError) as error:
        return Proof(witness="file", name=name, said=f"{name} cannot be read: {error}", kind="bad_result")
    sha256 = hashlib.sha256(data).hexdigest()
    return Proof(witness="file", name=name, said=f"{name}: {said}", metrics=metrics, sha256=sha256)


def _the_one(pattern: str, folder: Path, seen: Mapping[str, FileSeen]) -> FileSeen:
    present = matching(pattern, folder)
    found = [seen[path] for path in present if path in seen and seen[path].after is not None]
    if len(found) == 1:
        return found[0]
    if found:
        named = ", ".join(below(each.path, folder) for each in found[:3])
        raise Fault("bad_result", f"is not one file but several: {named}{' ...' * (len(found) > 3)}")
    if present:
        raise Fault("no_result", "was not there when the command ended, but written afterwards; it must wait for it")
    if pattern in seen and seen[pattern].after is not None:
        raise Fault("no_result", "was there when the command ended, and is gone now")
    if os.path.lexists(pattern):
        raise Fault("bad_result", "is not a regular file")
    wild = any(sign in below(pattern, folder) for sign in "*?[")
    raise Fault("no_result", "matches no file" if wild else "does not exist")


def _require_fresh(found: FileSeen, folder: Path, earliest: float) -> None:
    path, after = Path(found.path), found.after
    inside = below(found.path, folder) != found.path
    if after is None or found.before is not None:
        raise Fault("no_result", "is from before this attempt; its command did not write it")
    if _is_old(after, earliest, apart=0.0 if inside else CLOCKS_APART):
        raise Fault(
            "no_result",
            "was last modified before this attempt began, as a file that is moved, linked or copied with its times; "
            "its command must write it anew",
        )
    if inside and not path.resolve().is_relative_to(folder.resolve()):
        raise Fault("bad_result", "leads out of the attempt's folder, so that it may be of another attempt")
    if stamp_of(path) != after:
        raise Fault(
            "bad_result", "was changed after the command had ended; it must write it itself, or `wait` for who does"
        )


def _is_old(after: Stamp, earliest: float, apart: float) -> bool:
    """An old file under a new name (`mv`, `ln`, `cp -p`) keeps the time at which it was written.

    `apart` is by how many seconds the clock of its file system may differ. Some file systems keep whole seconds only.
    """
    coarse = COARSE if after.modified % 10**9 == 0 else 0.0
    return min(after.changed, after.modified) < earliest - (apart + coarse) * 1e9


def _look_at(file: DeclaredFile, found: FileSeen) -> tuple[bytes, Mapping[str, float], str]:
    """What is read of it, the metrics, and what it says. Of what is large (a model, say) the beginning is read."""
    length = found.after.size if found.after else 0
    if length > MAX_FILE_BYTES and not is_known_by_its_end(file):
        raise Fault("bad_result", f"holds {size(length)}; it is read up to {size(MAX_FILE_BYTES)}")
    with reading(Path(found.path)) as opened:
        data = opened.read(MAX_FILE_BYTES)
        if file.kind == "any" or length > MAX_FILE_BYTES:
            opened.seek(max(0, length - END_BYTES))
            require_whole(file, data, opened.read(END_BYTES), length)
            return data, {}, size(length)
    return data, *examine(file, data)


def _prove_last_line(attempt: AttemptDir, wanted: str, exit_: Exit) -> Proof:
    name: Literal["last line"] = "last line"
    try:
        line = _check_last_line(attempt, wanted, exit_.last_line)
    except Fault as fault:
        return Proof(witness=name, name=name, said=str(fault), kind=fault.kind)
    except (re.error, TookTooLong) as error:
        return Proof(witness=name, name=name, said=f"it cannot be told: {error}", kind="bad_result")
    sha256 = hashlib.sha256(line.encode(errors="replace")).hexdigest()
    return Proof(witness=name, name=name, said=f"the last line of its output is {line!r}", sha256=sha256)


def _check_last_line(attempt: AttemptDir, wanted: str, line: str | None) -> str:
    if line is None:
        raise Fault("incomplete", "its output was not seen when it ended")
    with at_most(MATCHING, f"whether {line!r} matches {wanted!r}; write `last_line` without nested repetitions"):
        if re.search(wanted, line):
            return line
        said = f"the last line of its output is {line!r}" if line else "it printed nothing"
        later = last_line(end_of(attempt.stdout))
        late = f"; what it left behind printed {later!r} after it had ended" if re.search(wanted, later) else ""
        other = last_line(end_of(attempt.stderr))
        aside = f"; its stderr ends with {other!r}, but it is stdout that counts" if re.search(wanted, other) else ""
    raise Fault("incomplete", f"{said}, which does not match {wanted!r}{late or aside}")
