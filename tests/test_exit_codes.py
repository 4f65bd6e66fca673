"""Every exit code of a sweep, as its table in docs/commands.md has them, by a sweep that ends with it."""

from __future__ import annotations

import json
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from sweeping import Desk, Done, finish, wait_for

from runner.exit_codes import ExitCode


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    made = Desk(tmp_path)
    yield made
    made.clean_up()


def write(desk: Desk, script: str) -> None:
    sweep = {
        "name": "codes",
        "command": {"argv": ["sh", "-c", script], "name": "job"},
        "success": {"last_line": "^done$"},
        "policy": {"grace": 0.3},
    }
    (desk.folder / "sweep.yaml").write_text(json.dumps(sweep))


def begun(desk: Desk) -> None:
    write(desk, "sleep 600")
    desk.start("sweep", "sweep.yaml")
    wait_for(lambda: list(desk.root.glob("*/1/lease")))


def proven(desk: Desk) -> Done:
    write(desk, "echo done")
    return desk.sweep()


def not_proven(desk: Desk) -> Done:
    write(desk, "echo almost")
    return desk.sweep()


def stopped_by_the_system(desk: Desk) -> Done:
    begun(desk)
    (desk.root / "ledger.db").unlink()
    return finish(desk.started[0])


def mistyped(desk: Desk) -> Done:
    write(desk, "echo done")
    return desk.sweep("policy.grce=1")


def second(desk: Desk) -> Done:
    begun(desk)
    return desk.sweep()


def broken(desk: Desk) -> Done:
    """One of the runner's own libraries is not what it should be."""
    write(desk, "echo done")
    (desk.folder / "libraries").mkdir()
    (desk.folder / "libraries" / "yaml.py").write_text("raise RuntimeError('an update went wrong')\n")
    return desk.sweep(PYTHONPATH=str(desk.folder / "libraries"))


def interrupted(desk: Desk) -> Done:
    begun(desk)
    desk.started[0].send_signal(signal.SIGINT)
    return finish(desk.started[0])


WAYS: dict[Callable[[Desk], Done], tuple[ExitCode, str]] = {
    proven: (ExitCode.OK, "1 succeeded of 1"),
    not_proven: (ExitCode.NOT_ALL_SUCCEEDED, "1 failed of 1"),
    stopped_by_the_system: (ExitCode.NOT_ALL_SUCCEEDED, "ledger.db was removed or replaced"),
    mistyped: (ExitCode.REFUSED, "did you mean"),
    second: (ExitCode.BUSY, "is being worked on by the scheduler, process"),
    broken: (ExitCode.OWN_FAULT, "it failed by its own fault: RuntimeError: an update went wrong"),
    interrupted: (ExitCode.INTERRUPTED, "1 waiting of 1"),
}


def test_every_code_is_shown() -> None:
    assert {code for code, _ in WAYS.values()} == set(ExitCode)


@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.__name__)
def test_it_ends_with_the_code_that_is_meant(desk: Desk, way: Callable[[Desk], Done]) -> None:
    code, said = WAYS[way]
    done = way(desk)
    assert done.code == code, done
    assert said in done.out + done.err
    assert "Traceback" not in done.err
