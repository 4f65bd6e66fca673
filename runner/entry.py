"""How our own processes are started, so that no file of the folder they run in is taken for one of ours.

`python -m` and `python script.py` put the current or the script's folder first on `sys.path`; a user's `json.py` or
`tasks/` would win there. `-P` does not exist in Python 3.10.
"""

from __future__ import annotations

import sys
from pathlib import Path

_PACKAGES = Path(__file__).resolve().parent.parent


def worker_argv(module: str, *arguments: str) -> tuple[str, ...]:
    """Run `main(arguments)` of a module that needs installed packages."""
    code = f"import sys; sys.path[:] = filter(None, sys.path); from {module} import main; sys.exit(main(sys.argv[1:]))"
    return (sys.executable, "-c", code, *arguments)


def bare_argv(module: str, *arguments: str) -> tuple[str, ...]:
    """Run `main(arguments)` of a module that needs the standard library only: no site, no PYTHON* variables."""
    code = f"import sys; sys.path.append({str(_PACKAGES)!r}); from {module} import main; sys.exit(main(sys.argv[1:]))"
    return (sys.executable, "-I", "-S", "-c", code, *arguments)
