"""`docs/status.schema.json` is true: real output of every state fits it, and it knows every key."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from sweeping import RUNNER, Desk, finish, kill, supervisor_of, wait_for

from runner.show import STATES

SCHEMA = json.loads((Path(__file__).parent.parent / "docs" / "status.schema.json").read_text())
JOB = """
case $1 in
    ok) echo '{"mse": 0.5}' > "$2/m.json" ;;
    wrong) echo no labels >&2; exit 3 ;;
    hangs) sleep 600 ;;
    once) [ -e "$3" ] && sleep 600; touch "$3"; kill -9 $$ ;;
esac
"""
PROOF = {"files": [{"path": "{out}/m.json", "metrics": ["mse"]}]}


class StatusDesk(Desk):
    """A desk of one shell script, whose every answer for programs is held against the schema."""

    def write(self, *kinds: str, **sections: Any) -> None:
        (self.folder / "job.sh").write_text(JOB)
        sweep = {
            "name": "states",
            "command": {"argv": ["bash", "job.sh", "{kind}", "{out}", str(self.folder / "mark")], "name": "job"},
            "grid": {"kind": list(kinds)},
            "policy": {"wait": 0.1, "grace": 0.5},
            "resources": {"slots": 8},
        }
        name = sections.get("name", "states")
        (self.folder / f"{name}.yaml").write_text(json.dumps({**sweep, **sections}))

    def told(self) -> dict[str, dict[str, Any]]:
        """`why` of every run by its label, after `status` and all of them were found to fit."""
        status = fitting(self.type("status", "--json").out)
        runs = [run["run"] for sweep in status["sweeps"] for run in sweep["runs"]]
        whys = [fitting(self.type("why", run, "--json").out, "why") for run in runs]
        return {why["label"].removeprefix("job kind="): why for why in whys}


def fitting(text: str, what: str = "status") -> dict[str, Any]:
    answer: dict[str, Any] = json.loads(text)
    jsonschema.Draft202012Validator({**SCHEMA, "$ref": f"#/$defs/{what}"}).validate(answer)
    return answer


def is_open(claim: Path) -> bool:
    return not (claim.parent / "exit.json").exists()


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[StatusDesk]:
    made = StatusDesk(tmp_path)
    yield made
    made.clean_up()


def test_it_is_a_schema_and_knows_every_state() -> None:
    jsonschema.Draft202012Validator.check_schema(SCHEMA)
    assert SCHEMA["$defs"]["state"]["enum"] == list(STATES)
    assert list(SCHEMA["$defs"]["sweep"]["properties"]["counts"]["properties"]) == list(STATES)


def test_a_key_that_the_schema_does_not_know_is_noticed_anywhere(desk: StatusDesk) -> None:
    desk.write("ok", success=PROOF)
    assert desk.type("sweep", "states.yaml").code == 0
    for command, what in ((["status"], "status"), (["why", "job"], "why")):
        text = desk.type(*command, "--json").out
        answer = fitting(text, what)
        for path in objects(answer):
            changed = json.loads(text)
            place = changed
            for key in path:
                place = place[key]
            place["surprise"] = "a word"  # a metric of this name would have to be a number
            with pytest.raises(jsonschema.ValidationError, match=r"surprise|not valid under|a word"):
                fitting(json.dumps(changed), what)


def objects(value: Any, path: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    """Where the objects of an answer lie."""
    if isinstance(value, dict):
        yield path
        for key, part in value.items():
            yield from objects(part, (*path, key))
    if isinstance(value, list):
        for number, part in enumerate(value):
            yield from objects(part, (*path, number))


def test_every_state_fits_and_a_dead_scheduler_is_told(desk: StatusDesk) -> None:
    """A sweep passes through its states; then its scheduler is killed, and its supervisor too."""
    desk.write("ok", "wrong", success=PROOF, name="ended")
    assert desk.type("sweep", "ended.yaml").code == 1
    desk.write("bare", name="bare")
    assert desk.type("sweep", "bare.yaml").code == 1
    desk.write("hangs", "once", "late", success=PROOF, resources={"slots": 1}, policy={"wait": 600, "grace": 0.5})
    scheduler = desk.start("sweep", "states.yaml")
    claim = wait_for(lambda: next((path for path in desk.root.glob("*/1/claim.json") if is_open(path)), None))
    assert desk.type("cancel", "late").code == 0
    told = desk.told()
    assert {label: why["state"] for label, why in told.items()} == {
        "ok": "succeeded",
        "wrong": "failed",
        "job": "unverified",
        "hangs": "running",
        "once": "waiting",
        "late": "cancelled",
    }
    assert told["hangs"]["scheduler"]["alive"]
    assert told["hangs"]["latest"]["lives"]
    assert told["wrong"]["rule"]["row"] <= told["wrong"]["rule"]["rows"]
    assert told["wrong"]["latest"]["log"]["lines"] == ["no labels"]
    scheduler.kill()
    scheduler.wait()
    wait_for(lambda: desk.told()["hangs"]["state"] == "unobserved")
    assert desk.told()["hangs"]["latest"]["lives"], "its attempt runs on"
    kill(supervisor_of(claim.parent))
    wait_for(lambda: not desk.told()["hangs"]["latest"]["lives"])


def test_one_that_is_tried_again(desk: StatusDesk) -> None:
    desk.write("once", policy={"wait": 600, "grace": 0.5, "retries": {"killed": 5}}, success=PROOF)
    scheduler = desk.start("sweep", "states.yaml")
    wait_for(lambda: list(desk.root.glob("*/1/exit.json")))
    why = wait_for(lambda: next((why for why in desk.told().values() if why["state"] == "retrying"), None))
    assert (
        why["next"]["happens"]
        == f"another attempt, by the scheduler that is running; after killed: {why['rule']['remedy']}"
    )
    scheduler.terminate()
    done = finish(scheduler)
    assert done.code == 130
    assert "is tried again in 1" in done.out, "10 minutes to 15"
    assert "no slot is free" not in done.out
    (ended,) = desk.told().values()
    assert (ended["state"], ended["scheduler"]["ended"]) == ("waiting", "interrupted")
    assert ended["next"]["type"] == f"runner sweep {desk.folder / 'states.yaml'}"


def test_what_on_end_reads_fits_and_so_does_a_run_of_former_times(desk: StatusDesk) -> None:
    desk.write("ok", "more", success=PROOF, on_end=["sh", "-c", "cat > told.json"])
    assert desk.type("sweep", "states.yaml").code == 1
    assert fitting((desk.folder / "told.json").read_text(), "on_end")["counts"]["failed"] == 1
    desk.write("ok", success=PROOF)
    assert desk.type("sweep", "states.yaml").code == 0
    status = fitting(desk.type("status", "--json").out)
    assert (status["green"], status["hidden_runs"]) == (True, 1)
    former = fitting(desk.type("why", "job kind=more", "--json").out, "why")
    assert (former["state"], former["next"]["type"]) == ("former", None)


def in_shell(line: str, folder: Path) -> subprocess.CompletedProcess[str]:
    env = {**os.environ, "PATH": f"{Path(RUNNER).parent}:{os.environ['PATH']}"}
    return subprocess.run(["sh", "-c", line], cwd=folder, env=env, capture_output=True, text=True, check=False)


def test_what_why_tells_to_type_can_be_typed(desk: StatusDesk, tmp_path_factory: pytest.TempPathFactory) -> None:
    """From another folder, too."""
    desk.write("ok", "wrong", success=PROOF)
    assert desk.type("sweep", "states.yaml").code == 1
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    asked = f"runner why kind=wrong --root {desk.root}"
    page = in_shell(asked, elsewhere).stdout
    why = fitting(in_shell(f"{asked} --json", elsewhere).stdout, "why")
    latest = why["latest"]
    for part in (why["because"], why["next"]["type"], latest["repeat"], latest["ran"], why["rule"]["sentence"]):
        assert part in page
    assert "  | no labels\n" in page
    assert "DISAGREES" in page
    assert f"row {why['rule']['row']} of {why['rule']['rows']}" in page
    assert [in_shell(latest[key], elsewhere).returncode for key in ("ran", "repeat", "show")] == [3, 3, 0]
    shown = in_shell(latest["show"], elsewhere).stdout
    assert in_shell(shown, elsewhere).returncode == 3
    assert in_shell(why["next"]["type"], elsewhere).stdout.endswith("the next `runner sweep` tries it\n")
    waiting = fitting(in_shell(f"{asked} --json", elsewhere).stdout, "why")
    assert waiting["state"] == "waiting"
    assert in_shell(waiting["next"]["type"], elsewhere).returncode == 1
    assert fitting(in_shell(f"{asked} --json", elsewhere).stdout, "why")["attempts"] == 2
