"""Whether a file that a command left is whole, told by its end, as far as its format shows that. Pure."""

from __future__ import annotations

import json
import re
import struct

from db.declared import DeclaredFile, FileFormat
from runner.contents import Fault

END_BYTES = 2**17
"""Of the end of a file: the longest comment of a zip archive, 64 KiB, and more."""
_ZIP, _ZIP_END, _PARQUET = b"PK\x03\x04", b"PK\x05\x06", b"PAR1"
_ZIP_END_BYTES = 22
_LARGE_ZIP, _LARGE_ZIP_BYTES = b"PK\x06\x07", 20
"""Of zip64: it stands before the last record, which then need not say where the archive's directory is."""


def is_known_by_its_end(file: DeclaredFile) -> bool:
    """Whether nothing is asked of it that only reading all of it can tell, so that it may be as large as it likes."""
    table = file.kind in ("csv", "jsonl") and not (file.columns or file.at_least or file.rows)
    return table or file.kind == "any"


def require_whole(file: DeclaredFile, data: bytes, end: bytes, size: int) -> None:
    """Refuse a torn file of which `data` is the beginning, `end` the end and `size` the length.

    Raises:
        Fault: it holds nothing, its last line is not ended, or an archive or a parquet file lacks its end.
    """
    if not data.strip():
        raise Fault("bad_result", "is empty")
    if file.kind == "any":
        _require_last_record(data[:4], end, size)
    elif not file.open_end and not (file.kind == "jsonl" and _is_json(end.rpartition(b"\n")[2])):
        require_end(end, file.kind)


def require_end(data: bytes, kind: FileFormat) -> None:
    """Refuse what may be torn, of a format whose end does not show by itself: `0.9` may be the beginning of `0.9321`.

    Raises:
        Fault: no line break, closing bracket or quote is the last that it holds.
    """
    closing = (b"}", b"]", b'"', b"'") if kind != "jsonl" else ()
    if data.rstrip(b" \t")[-1:] not in (b"\n", b"\r", *closing):
        last = data[-80:].splitlines()[-1].decode(errors="replace")
        otherwise = "" if kind == "jsonl" else ", or declare `open_end: true` of this file"
        raise Fault(
            "bad_result",
            f"cannot be read: its last line {last!r} is not ended by a line break, so it may be torn; have one written "
            f"at its end (`'\\n'.join(rows) + '\\n'`, say){otherwise}",
        )


def _is_json(line: bytes) -> bool:
    try:
        json.loads(line)
    except (ValueError, RecursionError):
        return False
    return True


def _require_last_record(first: bytes, end: bytes, size: int) -> None:
    """What is saved as a zip archive (`torch.save`, `numpy.savez`) or as parquet is found by what stands at its end."""
    if first == _ZIP and not any(_ends_zip(end, match.start(), size) for match in re.finditer(_ZIP_END, end)):
        raise Fault("bad_result", "begins as a zip archive (`.pt`, `.npz`) but lacks the end of one, so it is torn")
    if first == _PARQUET and not _ends_parquet(end, size):
        raise Fault("bad_result", "begins as parquet but lacks the end of it, so it is torn")


def _ends_zip(end: bytes, at: int, size: int) -> bool:
    """Whether the last record of this archive, and not of one that is stored in it, stands there whole."""
    if len(end) - at < _ZIP_END_BYTES:
        return False
    length, begin, comment = struct.unpack_from("<IIH", end, at + 12)
    large = end[max(0, at - _LARGE_ZIP_BYTES) : at].startswith(_LARGE_ZIP)
    in_place = large or begin + length == size - len(end) + at
    return bool(in_place and at + _ZIP_END_BYTES + comment <= len(end))


def _ends_parquet(end: bytes, size: int) -> bool:
    footer = int.from_bytes(end[-8:-4], "little")
    return end.endswith(_PARQUET) and 0 < footer <= size - 12
