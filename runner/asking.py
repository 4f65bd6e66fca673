"""Asking commands of others (nvidia-smi, git): again where they fail in passing, and never for long."""

from __future__ import annotations

import shlex
import subprocess
from collections.abc import Collection, Sequence

TRIES = 3
ANSWER_WITHIN = 20.0
"""Seconds for one answer. After so many no further try begins either."""
_SHORTEST, _LONGEST = 0.2, 2.0
"""Seconds between two tries: up to the first, then up to twice as long, by chance; never more than the second."""


class Unanswered(Exception):  # noqa: N818 - it is what is the case, and reads so where it is caught
    """The command is there and fails again and again; the message says how."""


def ask(argv: Sequence[str], *, final: Collection[int] = ()) -> bytes | None:
    """What it prints. None where there is no such command, or it ends with an exit code of `final`: an answer too.

    Raises:
        Unanswered: it failed each time.
    """
    from tenacity import (
        Retrying,
        retry_if_exception_type,
        stop_after_attempt,
        stop_after_delay,
        wait_random_exponential,
    )

    trying = Retrying(
        retry=retry_if_exception_type(Unanswered),
        stop=stop_after_attempt(TRIES) | stop_after_delay(ANSWER_WITHIN),
        wait=wait_random_exponential(multiplier=_SHORTEST, max=_LONGEST),
        reraise=True,
    )
    return trying(_ask_once, argv, final)


def _ask_once(argv: Sequence[str], final: Collection[int]) -> bytes | None:
    try:
        done = subprocess.run(argv, capture_output=True, timeout=ANSWER_WITHIN, check=False, stdin=subprocess.DEVNULL)
    except (FileNotFoundError, NotADirectoryError, PermissionError):  # the last: also of a folder on PATH
        return None
    except OSError as error:
        raise Unanswered(f"`{argv[0]}` cannot be started: {error.strerror}") from None
    except subprocess.TimeoutExpired:
        raise Unanswered(f"`{shlex.join(argv)}` gave no answer within {ANSWER_WITHIN:g} s") from None
    if done.returncode == 0:
        return done.stdout
    if done.returncode in final:
        return None
    ended = f"exit code {done.returncode}" if done.returncode > 0 else f"signal {-done.returncode}"
    said = " ".join((done.stderr.strip() or done.stdout.strip()).decode(errors="replace").split())[:300]
    raise Unanswered(f"`{shlex.join(argv)}` ended with {ended}" + (f": {said}" if said else ""))
