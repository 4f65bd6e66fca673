-- The ledger, version 3. Facts are inserted and never changed; a status is a view over facts.
-- Times are seconds since 1970, durations seconds, sizes bytes.

CREATE TABLE sweep (                       -- one expansion of a sweep file: the same name with other runs is another row
    id             INTEGER PRIMARY KEY,
    name           TEXT NOT NULL,
    digest         TEXT NOT NULL,          -- of the ids of its runs
    file           TEXT NOT NULL,
    profile        TEXT,
    profile_reason TEXT NOT NULL,
    recorded_at    REAL NOT NULL,
    UNIQUE (name, digest, profile_reason)
) STRICT;

CREATE TABLE run (
    id              TEXT PRIMARY KEY,      -- <backbone or command>-<hash of all that makes the run>
    backbone        TEXT,                  -- one of ours,
    command         TEXT,                  -- or the name of somebody else's command
    settings        TEXT NOT NULL CHECK (json_valid(settings)),
    effective_batch INTEGER NOT NULL CHECK (effective_batch > 0), -- 1 where a command names none
    planned_steps   INTEGER CHECK (planned_steps > 0),            -- nothing where a command promises none
    recorded_at     REAL NOT NULL,
    CHECK ((backbone IS NULL) <> (command IS NULL)),
    CHECK (backbone IS NULL OR planned_steps IS NOT NULL)
) STRICT;

CREATE TABLE member (                      -- two sweeps may share a run
    sweep_id INTEGER NOT NULL REFERENCES sweep (id),
    run_id   TEXT NOT NULL REFERENCES run (id),
    position INTEGER NOT NULL,
    label    TEXT NOT NULL,
    PRIMARY KEY (sweep_id, run_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX member_run ON member (run_id);

CREATE TABLE scheduler (                   -- one process working on one sweep; its id is its fencing number
    id        INTEGER PRIMARY KEY AUTOINCREMENT,
    sweep_id  INTEGER NOT NULL REFERENCES sweep (id),
    host      TEXT NOT NULL,
    boot_id   TEXT NOT NULL,
    pid       INTEGER NOT NULL,
    opened_at REAL NOT NULL
) STRICT;
CREATE INDEX scheduler_sweep ON scheduler (sweep_id);

CREATE TABLE departure (                   -- how a scheduler left; one without was killed, or lives
    scheduler_id INTEGER PRIMARY KEY REFERENCES scheduler (id),
    how          TEXT NOT NULL CHECK (how IN ('settled', 'interrupted', 'halted', 'broken_off')),
    recorded_at  REAL NOT NULL
) STRICT;

CREATE TABLE pulse (                       -- the one table that is not a fact: who is alive now
    scheduler_id INTEGER PRIMARY KEY REFERENCES scheduler (id),
    last_seen    REAL NOT NULL
) STRICT;

CREATE TABLE code (                        -- what an attempt was run from
    id          TEXT PRIMARY KEY,          -- hash of the other columns
    fingerprint TEXT NOT NULL,             -- of the files of backbone, tasks and training
    git_commit  TEXT,
    git_diff    TEXT                       -- against that commit; cut where it is longer than 1 MiB
) STRICT;

CREATE TABLE attempt (
    id              INTEGER PRIMARY KEY,
    nonce           TEXT NOT NULL UNIQUE CHECK (length(nonce) = 32),
    run_id          TEXT NOT NULL REFERENCES run (id),
    number          INTEGER NOT NULL CHECK (number >= 1),
    scheduler_id    INTEGER NOT NULL REFERENCES scheduler (id),
    effective_batch INTEGER NOT NULL CHECK (effective_batch > 0),
    micro_batch     INTEGER NOT NULL CHECK (micro_batch > 0),
    grad_accum      INTEGER NOT NULL CHECK (grad_accum > 0),
    start_step      INTEGER NOT NULL CHECK (start_step >= 0),
    resumed_number  INTEGER,               -- the attempt whose checkpoint it starts from
    launcher        TEXT NOT NULL,
    device          TEXT NOT NULL,
    code_id         TEXT NOT NULL REFERENCES code (id),
    opened_at       REAL NOT NULL,
    UNIQUE (run_id, number),
    CHECK (micro_batch * grad_accum = effective_batch),
    CHECK ((start_step = 0) = (resumed_number IS NULL))
) STRICT;

CREATE TABLE foreseen (                    -- what a training's memory was known to be before it was launched
    attempt_id       INTEGER PRIMARY KEY REFERENCES attempt (id),
    shape            TEXT NOT NULL,        -- hash of all that decides the memory of a step, but the batch
    device           TEXT NOT NULL CHECK (device IN ('cpu', 'gpu')),
    room             INTEGER CHECK (room > 0),            -- on the device; nothing where no limit is known
    predicted_memory INTEGER CHECK (predicted_memory > 0) -- at its own micro batch; nothing where no step was rehearsed
) STRICT;
CREATE INDEX foreseen_shape ON foreseen (shape, device);

CREATE TABLE submission (
    attempt_id   INTEGER PRIMARY KEY REFERENCES attempt (id),
    reference    TEXT NOT NULL,            -- what the launcher calls it
    submitted_at REAL NOT NULL
) STRICT;

CREATE TABLE verdict (
    attempt_id    INTEGER PRIMARY KEY REFERENCES attempt (id),
    word          TEXT NOT NULL CHECK (word IN ('succeeded', 'failed', 'unverified')),
    failure_kind  TEXT,
    because       TEXT NOT NULL CHECK (because <> ''),
    evidence      TEXT NOT NULL CHECK (json_valid(evidence)),
    exit_code     INTEGER,
    signal        INTEGER,
    oom_kills     INTEGER NOT NULL,
    result_sha256 TEXT,                    -- of what proves a success: result.json, the declared files
    judged_at     REAL NOT NULL,
    CHECK ((word = 'failed') = (failure_kind IS NOT NULL)),
    -- IS, not =: a comparison with NULL would pass
    CHECK (word = 'failed' OR (exit_code IS 0 AND signal IS NULL AND oom_kills = 0)),
    CHECK (word <> 'succeeded' OR (result_sha256 IS NOT NULL AND length(result_sha256) = 64))
) STRICT;

CREATE TABLE measured (                    -- what an attempt cost and where it ran, as far as it is known
    attempt_id       INTEGER PRIMARY KEY REFERENCES attempt (id),
    host             TEXT,
    python           TEXT,
    torch            TEXT,
    driver           TEXT,
    device           TEXT,
    data_fingerprint TEXT,
    parameters       INTEGER,
    started_at       REAL,
    ended_at         REAL,
    wall             REAL,                 -- from the start of the worker to its end
    cpu              REAL,
    queue            REAL,                 -- from the opening of the attempt to the start of the worker
    start            REAL,
    data             REAL,
    train            REAL,
    evaluate         REAL,
    peak_memory      INTEGER,              -- of the device where it is a GPU, else the attempt's anonymous memory
    peak_host_memory INTEGER,
    memory_limit     INTEGER,
    memory_limited_by TEXT,
    memory_limit_reached INTEGER CHECK (memory_limit_reached IN (0, 1)), -- all that it allows was in use once
    peak_reserved    INTEGER,              -- of a GPU, with what torch's allocator held beside the tensors
    node             TEXT                  -- of a cluster, as the launcher calls it
) STRICT;

CREATE TABLE score (                       -- a task's headline metric on the whole test split beside its baseline
    attempt_id       INTEGER NOT NULL REFERENCES attempt (id),
    task             TEXT NOT NULL,
    metric           TEXT NOT NULL,
    value            REAL NOT NULL CHECK (abs(value) <= 1.7976931348623157e308),
    baseline         REAL NOT NULL CHECK (abs(baseline) <= 1.7976931348623157e308),
    baseline_name    TEXT NOT NULL,
    higher_is_better INTEGER NOT NULL CHECK (higher_is_better IN (0, 1)),
    windows          INTEGER NOT NULL CHECK (windows > 0),
    gain_at_least    REAL CHECK (abs(gain_at_least) <= 1.7976931348623157e308), -- nothing where nobody can tell
    PRIMARY KEY (attempt_id, task, metric)
) STRICT, WITHOUT ROWID;

CREATE TABLE final_metric (                -- the numbers that an attempt ended with
    attempt_id INTEGER NOT NULL REFERENCES attempt (id),
    name       TEXT NOT NULL,
    value      REAL NOT NULL CHECK (abs(value) <= 1.7976931348623157e308),
    PRIMARY KEY (attempt_id, name)
) STRICT, WITHOUT ROWID;

CREATE TABLE note (                        -- what a reader of the scores should know
    attempt_id INTEGER NOT NULL REFERENCES attempt (id),
    position   INTEGER NOT NULL,
    note       TEXT NOT NULL,
    PRIMARY KEY (attempt_id, position)
) STRICT, WITHOUT ROWID;

CREATE TABLE metric_name (
    id   INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE
) STRICT;

CREATE TABLE metric (
    attempt_id INTEGER NOT NULL REFERENCES attempt (id),
    name_id    INTEGER NOT NULL REFERENCES metric_name (id),
    step       INTEGER NOT NULL CHECK (step >= 0),
    value      REAL CHECK (abs(value) <= 1.7976931348623157e308),
    non_finite TEXT CHECK (non_finite IN ('nan', 'inf', '-inf')),
    time       REAL NOT NULL,
    PRIMARY KEY (attempt_id, name_id, step),
    CHECK ((value IS NULL) <> (non_finite IS NULL))
) STRICT, WITHOUT ROWID;

CREATE TABLE stop (                        -- the run is not tried again, until reopened
    id           INTEGER PRIMARY KEY,
    run_id       TEXT NOT NULL REFERENCES run (id),
    after_number INTEGER NOT NULL,         -- of the latest attempt then, 0 for none
    kind         TEXT NOT NULL CHECK (kind IN ('failed', 'cancelled', 'unverified')),
    because      TEXT NOT NULL CHECK (because <> ''),
    recorded_at  REAL NOT NULL
) STRICT;
CREATE INDEX stop_run ON stop (run_id);

CREATE TABLE reopening (                   -- `runner retry`
    stop_id     INTEGER PRIMARY KEY REFERENCES stop (id),
    recorded_at REAL NOT NULL
) STRICT;

-- What must never be ---------------------------------------------------------------------------------------------

CREATE TRIGGER attempt_while_one_is_open BEFORE INSERT ON attempt
WHEN EXISTS (SELECT 1 FROM attempt a WHERE a.run_id = NEW.run_id
             AND NOT EXISTS (SELECT 1 FROM verdict v WHERE v.attempt_id = a.id))
BEGIN SELECT RAISE(ABORT, 'the run has an open attempt'); END;

CREATE TRIGGER attempt_of_stopped_run BEFORE INSERT ON attempt
WHEN EXISTS (SELECT 1 FROM stop s WHERE s.run_id = NEW.run_id
             AND NOT EXISTS (SELECT 1 FROM reopening r WHERE r.stop_id = s.id))
BEGIN SELECT RAISE(ABORT, 'the run is stopped'); END;

CREATE TRIGGER attempt_of_other_batch BEFORE INSERT ON attempt
WHEN NEW.effective_batch <> (SELECT effective_batch FROM run WHERE id = NEW.run_id)
BEGIN SELECT RAISE(ABORT, 'the effective batch of a run never changes'); END;

CREATE TRIGGER attempt_of_replaced_scheduler BEFORE INSERT ON attempt
WHEN EXISTS (SELECT 1 FROM scheduler later
             JOIN sweep theirs ON theirs.id = later.sweep_id
             JOIN scheduler mine ON mine.id = NEW.scheduler_id
             JOIN sweep ours ON ours.id = mine.sweep_id
             WHERE later.id > NEW.scheduler_id AND theirs.name = ours.name)
BEGIN SELECT RAISE(ABORT, 'a later scheduler has taken this sweep over'); END;

CREATE TRIGGER second_open_stop BEFORE INSERT ON stop
WHEN EXISTS (SELECT 1 FROM stop s WHERE s.run_id = NEW.run_id
             AND NOT EXISTS (SELECT 1 FROM reopening r WHERE r.stop_id = s.id))
BEGIN SELECT RAISE(ABORT, 'the run is stopped already'); END;

CREATE TRIGGER success_without_evidence BEFORE INSERT ON verdict
WHEN NEW.word <> 'failed' AND (
    json_type(NEW.evidence) <> 'array' OR json_array_length(NEW.evidence) = 0
    OR EXISTS (SELECT 1 FROM json_each(NEW.evidence) line WHERE json_extract(line.value, '$.agrees') IS NOT 1))
BEGIN SELECT RAISE(ABORT, 'a success needs every witness to agree'); END;

CREATE TRIGGER success_without_witnesses BEFORE INSERT ON verdict
WHEN NEW.word = 'succeeded' AND (
    EXISTS (SELECT 1 FROM json_each(NEW.evidence) line
            WHERE json_type(line.value, '$.witness') IS NOT 'text' OR json_type(line.value, '$.said') IS NOT 'text')
    OR 4 > (SELECT COUNT(DISTINCT json_extract(line.value, '$.witness')) FROM json_each(NEW.evidence) line
            WHERE json_extract(line.value, '$.witness') IN ('claim', 'exit', 'supervisor', 'kernel'))
    OR json_array_length(NEW.evidence) < 5)
BEGIN SELECT RAISE(ABORT, 'a success needs claim, exit, supervisor, kernel, and what proves it, among its witnesses'); END;

CREATE TRIGGER success_without_digest BEFORE INSERT ON verdict
WHEN NEW.word = 'succeeded' AND NEW.result_sha256 GLOB '*[^0-9a-f]*'
BEGIN SELECT RAISE(ABORT, 'a success needs the SHA-256 of what proves it'); END;
