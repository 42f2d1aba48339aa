-- Which hours belong to a known incident, and whose they are: baselines and detectors leave them out of what is usual.
--   SELECT * FROM incident_hours(as_of_ms = 1767600000000, from_ms = 1767000000000, to_ms = 1767600000000)
-- An incident is about what its alert's finding names and what its calls were; one that names nothing leaves nothing out. It
-- begins with the first of these, and with its detection where that is earlier, and ends when it was resolved, or else closed
-- or contained. One that nobody ended is left out for three days, so that a forgotten one doesn't stop all learning. Only
-- steps that were recorded by `as_of_ms` count, so that a run over the past knows no more than it would have.
-- A mark is 'agent:a', 'task_class:c', 'server:s', 'tool:s/t', or 'tools of:s' where a whole server is meant.
CREATE OR REPLACE VIEW incident_hours AS
WITH
    fromUnixTimestamp64Milli({as_of_ms:Int64}, 'UTC') AS as_of,
    fromUnixTimestamp64Milli({from_ms:Int64}, 'UTC') AS range_from,
    fromUnixTimestamp64Milli({to_ms:Int64}, 'UTC') AS range_to,
    known AS
    (
        SELECT
            incident_id,
            minIf(occurred_at, step != 'note' AND step != 'opened') AS first_step,
            maxIf(occurred_at, step = 'reopened') AS reopened_at,
            maxIf(occurred_at, step = 'resolved') AS resolved_at,
            maxIf(occurred_at, step = 'closed') AS closed_at,
            maxIf(occurred_at, step = 'contained') AS contained_at
        FROM incident_events
        WHERE recorded_at <= as_of
        GROUP BY incident_id
    ),
    ended AS
    (
        SELECT
            incident_id,
            first_step,
            -- The zero of a DateTime64 stands for a step that nobody took. Of a reopened one only later ends count.
            multiIf(
                resolved_at > reopened_at, resolved_at,
                closed_at > reopened_at, closed_at,
                contained_at > reopened_at, contained_at,
                greatest(first_step, reopened_at) + INTERVAL 3 DAY
            ) AS last_step
        FROM known
    ),
    findings_of AS
    (
        SELECT e.incident_id AS incident_id, f.window_start AS at, f.entity_kind AS kind, f.entity AS entity, f.server AS server, f.tool AS tool, f.agent AS agent, f.task_class AS task_class
        FROM (SELECT DISTINCT incident_id, alert_id FROM incident_events WHERE recorded_at <= as_of AND alert_id != '') AS e
        INNER JOIN (SELECT DISTINCT alert_id, finding_id FROM alert_events WHERE at <= as_of) AS a ON a.alert_id = e.alert_id
        INNER JOIN (SELECT finding_id, window_start, entity_kind, entity, server, tool, agent, task_class FROM findings LIMIT 1 BY finding_id) AS f ON f.finding_id = a.finding_id
    ),
    named_calls AS
    (
        SELECT incident_id, call_id, toUInt64OrZero(splitByChar('-', call_id)[-1]) AS call_seq
        FROM incident_events
        ARRAY JOIN call_ids AS call_id
        WHERE recorded_at <= as_of
    ),
    calls_of AS
    (
        SELECT n.incident_id AS incident_id, c.ts AS at, toString(c.server) AS server, toString(c.tool) AS tool, toString(c.agent) AS agent, toString(c.task_class) AS task_class
        FROM named_calls AS n
        INNER JOIN
        (
            SELECT concat(producer, '-', toString(seq)) AS id, ts, server, tool, agent, task_class
            FROM calls
            WHERE seq IN (SELECT call_seq FROM named_calls) AND concat(producer, '-', toString(seq)) IN (SELECT call_id FROM named_calls)
        ) AS c ON c.id = n.call_id
    ),
    marks AS
    (
        SELECT incident_id, at, mark
        FROM
        (
            SELECT
                incident_id,
                toDateTime64(at, 3, 'UTC') AS at,
                [
                    if(agent != '', concat('agent:', agent), ''),
                    if(task_class != '', concat('task_class:', task_class), ''),
                    if(server != '', concat('server:', server), ''),
                    if(server != '' AND tool != '', concat('tool:', server, '/', tool), ''),
                    if(server != '' AND kind = 'server', concat('tools of:', server), '')
                ] AS all_marks
            FROM findings_of
            UNION ALL
            SELECT
                incident_id,
                toDateTime64(at, 3, 'UTC') AS at,
                [
                    if(agent != '', concat('agent:', agent), ''),
                    if(task_class != '', concat('task_class:', task_class), ''),
                    if(server != '', concat('server:', server), ''),
                    if(server != '' AND tool != '', concat('tool:', server, '/', tool), '')
                ] AS all_marks
            FROM calls_of
        )
        ARRAY JOIN all_marks AS mark
        WHERE mark != ''
    ),
    lasting AS
    (
        SELECT m.incident_id AS incident_id, m.mark AS mark, toStartOfHour(greatest(least(e.first_step, m.first_at), range_from)) AS first_hour, least(e.last_step, range_to, as_of) AS until
        FROM (SELECT incident_id, mark, min(min(at)) OVER (PARTITION BY incident_id) AS first_at FROM marks GROUP BY incident_id, mark) AS m
        INNER JOIN ended AS e ON e.incident_id = m.incident_id
    )
SELECT incident_id, mark, toDateTime(first_hour, 'UTC') + toIntervalHour(step) AS hour
FROM lasting
ARRAY JOIN range(toUInt64(greatest(0, intDiv(toUnixTimestamp64Milli(until) - 1, 3600000) - intDiv(toInt64(toUnixTimestamp(first_hour)), 3600) + 1))) AS step
WHERE until > first_hour;

-- What a baseline was learnt from, and how. One that is not there is 0 or empty.
ALTER TABLE baselines ADD COLUMN IF NOT EXISTS model_version LowCardinality(String);
-- The hour that it is the baseline of; `learnt_to` is where its data end.
ALTER TABLE baselines ADD COLUMN IF NOT EXISTS hour DateTime('UTC');
-- hour_of_week, hour_and_kind_of_day, hour_of_day, all, cold_start
ALTER TABLE baselines ADD COLUMN IF NOT EXISTS level LowCardinality(String);
-- How many hours were like it, at that level; `n` are all that were learnt from.
ALTER TABLE baselines ADD COLUMN IF NOT EXISTS hours_alike UInt32;
ALTER TABLE baselines ADD COLUMN IF NOT EXISTS calls UInt64;
-- Before it was drawn towards its parent: centre = weight * own_centre + (1 - weight) * parent_centre.
ALTER TABLE baselines ADD COLUMN IF NOT EXISTS own_centre Float64;
ALTER TABLE baselines ADD COLUMN IF NOT EXISTS parent_kind LowCardinality(String);
ALTER TABLE baselines ADD COLUMN IF NOT EXISTS parent String;
ALTER TABLE baselines ADD COLUMN IF NOT EXISTS parent_centre Float64;
ALTER TABLE baselines ADD COLUMN IF NOT EXISTS weight Float64;
-- The day (UTC) from which a new level holds; nothing older is learnt from. Null where there was no shift.
ALTER TABLE baselines ADD COLUMN IF NOT EXISTS shifted_at Nullable(DateTime64(3, 'UTC'));
ALTER TABLE baselines ADD COLUMN IF NOT EXISTS level_before Float64;
ALTER TABLE baselines ADD COLUMN IF NOT EXISTS level_after Float64;
-- Hours that were left out because they belong to a known incident, and to which.
ALTER TABLE baselines ADD COLUMN IF NOT EXISTS hours_left_out UInt32;
ALTER TABLE baselines ADD COLUMN IF NOT EXISTS incidents Array(String);
