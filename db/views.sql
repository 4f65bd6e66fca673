-- The public interface of the ledger for people and dashboards, version 3: columns are only ever added at the end.

CREATE VIEW current_sweep AS               -- the latest expansion of each sweep name
SELECT s.id, s.name, s.file, s.profile, s.profile_reason, max(c.id) AS scheduler_id, c.opened_at
FROM sweep s JOIN scheduler c ON c.sweep_id = s.id
GROUP BY s.name;

CREATE VIEW watched_run AS                 -- runs of a scheduler seen in the last 20 seconds (whichever way clocks moved)
SELECT DISTINCT m.run_id
FROM pulse p JOIN scheduler c ON c.id = p.scheduler_id JOIN member m ON m.sweep_id = c.sweep_id
WHERE abs((julianday('now') - 2440587.5) * 86400.0 - p.last_seen) < 20.0;

CREATE VIEW run_status AS
WITH seen AS (
    SELECT cs.name AS sweep, m.run_id, m.position, m.label, r.backbone, r.command,
           (SELECT a.id FROM attempt a WHERE a.run_id = m.run_id ORDER BY a.number DESC LIMIT 1) AS attempt_id,
           (SELECT s.id FROM stop s WHERE s.run_id = m.run_id
                AND NOT EXISTS (SELECT 1 FROM reopening o WHERE o.stop_id = s.id)) AS stop_id,
           m.run_id IN (SELECT run_id FROM watched_run) AS watched,
           (SELECT max(p.last_seen) FROM pulse p JOIN scheduler c ON c.id = p.scheduler_id
                WHERE c.sweep_id = cs.id) AS last_seen
    FROM current_sweep cs JOIN member m ON m.sweep_id = cs.id JOIN run r ON r.id = m.run_id
), judged AS (
    SELECT seen.*, a.number, a.micro_batch, a.grad_accum, v.word, v.failure_kind, v.because AS verdict_because,
           s.kind AS stop_kind, s.because AS stop_because,
           CASE WHEN a.id IS NOT NULL AND v.attempt_id IS NULL THEN iif(watched, 'running', 'unobserved')
                WHEN v.word = 'succeeded' THEN 'succeeded'
                WHEN s.id IS NOT NULL THEN s.kind
                WHEN v.word = 'failed' AND v.failure_kind <> 'interrupted' AND watched THEN 'retrying'
                ELSE 'waiting' END AS state
    FROM seen LEFT JOIN attempt a ON a.id = seen.attempt_id
              LEFT JOIN verdict v ON v.attempt_id = a.id
              LEFT JOIN stop s ON s.id = seen.stop_id
)
SELECT sweep, run_id AS run, backbone, state,
       CASE WHEN state <> 'succeeded' THEN failure_kind END AS failure_kind,
       coalesce(number, 0) AS attempts,
       CASE state
           WHEN 'running' THEN 'attempt ' || number
               || iif(micro_batch * grad_accum > 1, ', micro batch ' || micro_batch || ' x ' || grad_accum, '')
           WHEN 'unobserved' THEN 'attempt ' || number || ' is open and no scheduler watches it'
               || coalesce('; last seen ' || datetime(last_seen, 'unixepoch') || ' UTC', '')
           WHEN 'waiting' THEN coalesce('after attempt ' || number || ': ' || verdict_because, 'not started')
           WHEN 'succeeded' THEN verdict_because
           WHEN 'retrying' THEN verdict_because
           ELSE stop_because END AS because,
       label, position, command
FROM judged;

CREATE VIEW attempts AS
SELECT a.run_id AS run, a.number AS attempt, coalesce(v.word, 'open') AS verdict, v.failure_kind, v.because,
       a.micro_batch, a.grad_accum, a.effective_batch, a.start_step, a.resumed_number, a.launcher,
       v.exit_code, v.signal, v.oom_kills, a.opened_at, m.started_at, m.ended_at, m.wall, m.cpu,
       m.queue, m.start, m.data, m.train, m.evaluate,
       m.peak_memory, m.peak_host_memory, m.memory_limit, m.memory_limited_by,
       m.host, coalesce(m.device, a.device) AS device, m.python, m.torch, m.driver, m.parameters,
       c.fingerprint AS code_fingerprint, c.git_commit, m.data_fingerprint, v.result_sha256, a.nonce,
       f.predicted_memory,
       -- Nothing where memory ran out, for then the peak is that of a step that was cut short; nor before a whole step.
       CASE WHEN v.failure_kind IN ('cuda_oom', 'host_oom') THEN NULL
            WHEN EXISTS (SELECT 1 FROM metric p WHERE p.attempt_id = a.id)
            THEN (f.predicted_memory - m.peak_memory) / CAST(nullif(m.peak_memory, 0) AS REAL) END AS prediction_error,
       m.peak_reserved, m.node
FROM attempt a JOIN code c ON c.id = a.code_id
LEFT JOIN verdict v ON v.attempt_id = a.id LEFT JOIN measured m ON m.attempt_id = a.id
LEFT JOIN foreseen f ON f.attempt_id = a.id;

CREATE VIEW memory AS                      -- what attempts tell of the memory that others like them need
SELECT a.run_id AS run, a.number AS attempt, f.shape, f.device, f.room, a.micro_batch, a.grad_accum,
       CASE WHEN a.start_step >= r.planned_steps THEN NULL -- it had only to be evaluated
            -- It trained to its end, whatever it failed of after that: memory for the evaluation, say.
            WHEN v.attempt_id IS NOT NULL
                AND EXISTS (SELECT 1 FROM metric p WHERE p.attempt_id = a.id AND p.step = r.planned_steps) THEN 'fits'
            -- Killed for want of memory before it had all that it was allowed: others had the rest.
            WHEN f.device = 'cpu' AND v.exit_code IS NULL AND m.memory_limit_reached = 0 THEN NULL
            WHEN v.failure_kind = iif(f.device = 'gpu', 'cuda_oom', 'host_oom') THEN 'too_large'
            WHEN v.word = 'succeeded' THEN 'fits'
            -- The second step holds the optimizer's state from its beginning; those of a slow one are not waited for.
            WHEN v.attempt_id IS NULL AND NOT EXISTS (
                SELECT 1 FROM metric p WHERE p.attempt_id = a.id AND (p.step > a.start_step + 1
                    OR p.time < (julianday('now') - 2440587.5) * 86400.0 - 30.0)) THEN 'tried'
       END AS came,
       a.id AS attempt_id
FROM foreseen f JOIN attempt a ON a.id = f.attempt_id JOIN run r ON r.id = a.run_id
LEFT JOIN verdict v ON v.attempt_id = a.id LEFT JOIN measured m ON m.attempt_id = a.id;

CREATE VIEW leaderboard AS                 -- scores of succeeded runs only, best first within task and metric
SELECT cs.name AS sweep, s.task, s.metric,
       rank() OVER (PARTITION BY cs.name, s.task, s.metric
                    ORDER BY iif(s.higher_is_better, -s.value, s.value)) AS place,
       m.label, a.run_id AS run, r.backbone, s.value, s.baseline, s.baseline_name,
       s.gain_at_least > 0 AS beats_baseline, -- by more than luck; nothing where nobody can tell
       s.higher_is_better, s.windows, a.number AS attempt, s.gain_at_least
FROM current_sweep cs JOIN member m ON m.sweep_id = cs.id JOIN run r ON r.id = m.run_id
JOIN attempt a ON a.run_id = r.id AND a.number = (SELECT max(number) FROM attempt WHERE run_id = r.id)
JOIN verdict v ON v.attempt_id = a.id AND v.word = 'succeeded'
JOIN score s ON s.attempt_id = a.id;

CREATE VIEW final_metrics AS               -- the numbers that succeeded runs ended with
SELECT cs.name AS sweep, m.label, a.run_id AS run, r.backbone, r.command, f.name AS metric, f.value, a.number AS attempt,
       m.position
FROM current_sweep cs JOIN member m ON m.sweep_id = cs.id JOIN run r ON r.id = m.run_id
JOIN attempt a ON a.run_id = r.id AND a.number = (SELECT max(number) FROM attempt WHERE run_id = r.id)
JOIN verdict v ON v.attempt_id = a.id AND v.word = 'succeeded'
JOIN final_metric f ON f.attempt_id = a.id;

CREATE VIEW curve AS
SELECT a.run_id AS run, a.number AS attempt, n.name, m.step, m.value, m.non_finite, m.time
FROM metric m JOIN metric_name n ON n.id = m.name_id JOIN attempt a ON a.id = m.attempt_id;

CREATE VIEW failures AS                    -- every failed attempt, whatever became of its run
SELECT v.failure_kind, a.run_id AS run, r.backbone, a.number AS attempt, v.because, a.micro_batch, a.grad_accum,
       v.judged_at, m.wall, m.peak_memory, m.host, r.command
FROM verdict v JOIN attempt a ON a.id = v.attempt_id JOIN run r ON r.id = a.run_id
LEFT JOIN measured m ON m.attempt_id = a.id
WHERE v.word = 'failed';

CREATE VIEW waste AS                       -- seconds spent on attempts that came to nothing, by cause
SELECT failure_kind, count(*) AS attempts, count(DISTINCT run) AS runs, coalesce(sum(wall), 0.0) AS seconds
FROM failures GROUP BY failure_kind;

CREATE VIEW notes AS                       -- what a reader of the scores should know
SELECT a.run_id AS run, a.number AS attempt, n.position, n.note
FROM note n JOIN attempt a ON a.id = n.attempt_id;
