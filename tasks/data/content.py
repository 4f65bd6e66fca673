"""The content of the recordings that a run asks for, without opening a signal. Standard library only."""

from __future__ import annotations

from pathlib import Path

from db.errors import DataError
from sweeps.settings import DataSettings
from tasks.data.fingerprint import fingerprint
from tasks.data.layout import find_metadata, read_metadata


def content(settings: DataSettings) -> str | None:
    """The fingerprint that `tasks.data.windows.open_data` will give this data; None where it is simulated.

    Raises:
        DataError: the folder, its metadata, or a file of signals that the metadata names cannot be read.
    """
    if settings.folder is None:
        return None
    folder = Path(settings.folder)
    metadata = find_metadata(folder, settings.metadata)
    recordings = [it for it in read_metadata(metadata) if not settings.systems or it.system in settings.systems]
    rows = {folder / f"{recording.name}.h5": recording.row for recording in reversed(recordings)}
    try:
        return fingerprint(metadata, rows)
    except FileNotFoundError as error:
        path = Path(error.filename)
        raise DataError(f"{path} is missing; row {rows.get(path, 1)} of the metadata names it") from None
    except OSError as error:
        raise DataError(f"{error.filename} cannot be read: {error.strerror}") from None
