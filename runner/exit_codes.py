"""What `runner` tells the shell."""

from __future__ import annotations

from enum import IntEnum


class ExitCode(IntEnum):
    """The exit codes of every command."""

    OK = 0
    NOT_ALL_SUCCEEDED = 1
    """The sweep ended, and at least one run is not a proven success."""
    REFUSED = 2
    """Something typed cannot be used: a sweep file, an option, the name of a run. Nothing was started or changed."""
    BUSY = 4
    """Another scheduler works on this sweep."""
    OWN_FAULT = 70
    """The runner itself failed (EX_SOFTWARE of sysexits.h)."""
    INTERRUPTED = 130
    """Told to stop: attempts were ended and recorded, and the next `runner sweep` goes on."""
