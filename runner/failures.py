"""Every failure that has a name. To add one, add a row to `FAILURE_KINDS`.

A recogniser looks at the evidence of an attempt that did *not* succeed and returns the reason, in a sentence a tired
person understands, or None. The first row that recognises the evidence names the failure, so what is more telling
stands above. The type of an exception is asked before any text.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from runner.recognisers.ends import (
    cancelled_before_start,
    crashed,
    ended_by,
    ended_without_space,
    fenced,
    killed,
    lost,
    node_lost,
    oom_killed,
    queue_full,
    refused,
    told_by_launcher,
)
from runner.recognisers.results import (
    bad_result,
    contradiction,
    declared_non_finite,
    denied_by_launcher,
    disagreeing,
    incomplete,
    no_result,
    other_code,
    other_process,
    reported_non_finite,
    unproven,
)
from runner.recognisers.signs import (
    child_killed,
    device_busy,
    device_fault,
    nan_shown,
    raised_non_finite,
    shown,
    warned_of_memory,
)
from runner.recognisers.words import Recogniser, any_of, error, unless

MANY = 1_000_000
"""A budget that something else bounds: the smallest micro batch, or a person."""


class Remedy(Enum):
    """What may help after a failure."""

    HALVE = "half the micro batch, twice the gradient accumulation"
    AGAIN = "the same again, after a wait"
    AS_SOON_AS_TAKEN = "the same again, as soon as it is taken"
    RESUME = "from its latest checkpoint, as long as each attempt gets further than the one before"
    CONTINUE = "the same again, with the next `runner sweep`"
    STOP = "nothing: it fails the same way every time, or a person must decide"


@dataclass(frozen=True)
class FailureKind:
    """One kind of failure. `budget` is how often its remedy is tried for a run, unless the policy says otherwise.

    `sentence` says what it means, `advice` what a person can do about it.
    """

    word: str
    remedy: Remedy
    budget: int
    sentence: str
    advice: str
    recognise: Recogniser


FAILURE_KINDS = (
    FailureKind(
        "queue_full",
        Remedy.AS_SOON_AS_TAKEN,
        MANY,
        "The cluster takes no more jobs of this user for now.",
        "Nothing; it is submitted when there is room. `slurm.at_once` keeps below a limit that is known.",
        queue_full,
    ),
    FailureKind(
        "launch_refused",
        Remedy.AGAIN,
        2,
        "The launcher would not take the attempt, or its command could not be started.",
        "Read the reason: a command that does not exist, no space for its folder, a launcher that is down.",
        any_of(refused, ended_by("could_not_start"), told_by_launcher("launch_refused")),
    ),
    FailureKind(
        "cancelled",
        Remedy.STOP,
        0,
        "Somebody cancelled the run.",
        "`runner retry RUN` takes it up again.",
        any_of(ended_by("cancelled"), cancelled_before_start, told_by_launcher("cancelled")),
    ),
    FailureKind(
        "interrupted",
        Remedy.CONTINUE,
        MANY,
        "The scheduler was told to stop, or was gone before the attempt started.",
        "Run the sweep again: it goes on, from the last checkpoint where there is one.",
        any_of(ended_by("interrupted"), fenced),
    ),
    FailureKind(
        "node_lost",
        Remedy.AGAIN,
        5,
        "The host that it ran on failed or was restarted.",
        "Nothing. Where it happens often, look at the host.",
        any_of(told_by_launcher("node_lost"), node_lost),
    ),
    FailureKind(
        "preempted",
        Remedy.AGAIN,
        20,
        "The cluster took its place for something more urgent.",
        "Nothing; it comes back when there is room.",
        told_by_launcher("preempted"),
    ),
    FailureKind(
        "wall_time",
        Remedy.RESUME,
        50,
        "The time that the cluster gives a job was over.",
        "Nothing while it gets further. A command begins again and would meet the same end: give it more with "
        "`slurm.time`, then `runner retry RUN`. One that goes on by itself is tried again with "
        "`policy: {retries: {wall_time: 20}}`.",
        any_of(ended_by("wall_time"), told_by_launcher("wall_time")),
    ),
    FailureKind(
        "time_limit",
        Remedy.STOP,
        0,
        "The attempt ran longer than `resources.time`.",
        "Give it more with `resources.time`, then `runner retry RUN`: trainings go on from their last checkpoint.",
        ended_by("time_limit"),
    ),
    FailureKind(
        "stalled",
        Remedy.AGAIN,
        1,
        "It gave no sign of life for `resources.silence`.",
        "Look at the end of its log: mostly something waits for ever. If it was only slow, raise `resources.silence`.",
        ended_by("stalled"),
    ),
    FailureKind(
        "device_fault",
        Remedy.AGAIN,
        3,
        "The GPU is broken, or cannot be reached. After two in a row the sweep leaves that GPU alone.",
        "Look at `nvidia-smi -q` and `dmesg` for ECC errors and Xids; the device may need a reset.",
        device_fault,
    ),
    FailureKind(
        "device_busy",
        Remedy.AGAIN,
        10,
        "Others held the GPU or its memory; that teaches nothing about what the run needs.",
        "See with `nvidia-smi` who holds it.",
        device_busy,
    ),
    FailureKind(
        "cuda_oom",
        Remedy.HALVE,
        MANY,
        "The GPU's memory did not suffice.",
        "Nothing while it is halved. Where that comes to its end: a smaller model or window, or a larger card.",
        any_of(error("cuda_oom"), shown("cuda_oom"), warned_of_memory),
    ),
    FailureKind(
        "host_oom",
        Remedy.HALVE,
        MANY,
        "The host's memory, or `resources.memory`, did not suffice.",
        "As with `cuda_oom`; or raise `resources.memory` (on a cluster `slurm.memory`: without it, its default holds), "
        "or use fewer data loading workers.",
        any_of(
            oom_killed,
            ended_by("memory_limit"),
            told_by_launcher("host_oom"),
            unless(child_killed, error("host_oom"), shown("host_oom")),
        ),
    ),
    FailureKind(
        "config",
        Remedy.STOP,
        0,
        "A setting cannot be used, or a file is in the way.",
        "Mend the key that is named, or move the file away.",
        any_of(error("config"), ended_by("file_in_the_way")),
    ),
    FailureKind(
        "changed",
        Remedy.STOP,
        0,
        "The code or the data is no longer what was checked before launch.",
        "Run the sweep again: it checks the new state first.",
        any_of(error("changed"), other_code),
    ),
    FailureKind(
        "shape",
        Remedy.STOP,
        0,
        "Two tensors do not fit, or would have been broadcast.",
        "Mend the code or the setting that the message names.",
        error("shape"),
    ),
    FailureKind(
        "data",
        Remedy.STOP,
        0,
        "The data is missing, broken, or has no label for a task.",
        "Mend the data, or leave the task out.",
        error("data"),
    ),
    FailureKind(
        "non_finite",
        Remedy.STOP,
        0,
        "A loss, gradient or metric was NaN or infinite.",
        "A lower learning rate, a clipped gradient, another precision; look at the curve before it happened.",
        any_of(error("non_finite"), reported_non_finite, declared_non_finite, raised_non_finite, nan_shown),
    ),
    FailureKind(
        "disk_full",
        Remedy.STOP,
        0,
        "A file could not be written for want of space.",
        "Make room (or raise the quota), then `runner retry --failed`.",
        any_of(error("disk_full"), shown("disk_full"), ended_without_space),
    ),
    FailureKind(
        "lost",
        Remedy.AGAIN,
        3,
        "Its supervisor vanished; nobody can tell how it ended.",
        "Nothing while it is tried again. Where it happens often, see who kills supervisors: the kernel's log knows.",
        any_of(ended_by("revoked", "lease_lost"), lambda evidence: None if evidence.own_exit else lost(evidence)),
    ),
    FailureKind(
        "contradiction",
        Remedy.AGAIN,
        1,
        "The witnesses disagree: a complete result, but no clean exit of the process that wrote it.",
        "Look at what it does after its last step: a clean result with an unclean end is a bug in the script.",
        any_of(contradiction, other_process, denied_by_launcher),
    ),
    FailureKind(
        "killed",
        Remedy.AGAIN,
        2,
        "Somebody ended the attempt with a signal; it was not the memory.",
        "See who sent the signal: an administrator, a session that ended, a supervisor of another kind.",
        any_of(ended_by("signal"), killed, child_killed),
    ),
    FailureKind(
        "incomplete",
        Remedy.STOP,
        0,
        "It lacks steps, rows, metrics or anything learned.",
        "Read which step, row or metric is missing.",
        any_of(error("incomplete"), unproven("incomplete"), incomplete),
    ),
    FailureKind(
        "crashed",
        Remedy.STOP,
        0,
        "An exception, a fatal signal or a non-zero exit code.",
        "Read the end of its log; `runner repeat RUN` makes it happen again by hand.",
        crashed,
    ),
    FailureKind(
        "no_result",
        Remedy.STOP,
        0,
        "It ended as if all were well, without a result of its own.",
        "Does the script really write what the sweep file declares, and there?",
        any_of(unproven("no_result"), no_result),
    ),
    FailureKind(
        "bad_result",
        Remedy.STOP,
        0,
        "Its result is unreadable, not the one it ended with, or of another attempt.",
        "Read what is wrong with the file; a script must write it itself, whole, before it ends.",
        any_of(unproven("bad_result"), bad_result, disagreeing),
    ),
)

BY_WORD = {kind.word: kind for kind in FAILURE_KINDS}
