-- id: time_to_investigate
-- version: 2
-- title: Time to investigate
-- unit: minutes
-- definition: From an incident's detection to its cause being identified, in elapsed minutes: the median over incidents
--   that were detected in the period, drills left out. The cause is the last one recorded, so reopening an incident makes
--   its investigation longer. Incidents whose cause is not known count as open; where they are more than a fifth, the
--   number is the Kaplan-Meier median, which takes each of them as lasting at least until now. Waiting (detected to
--   started) and working (started to cause) are shown apart, so that starting late cannot improve the number. There is no mean. What others call
--   time to investigate, from the start of the work to the closing of the case, is shown beside it for comparison.
-- question: How long does it take until an incident's cause is known?
-- params: period_start_ms, period_end_ms, as_of_ms (Unix milliseconds)
-- out: numerator (incidents with a cause), denominator (incidents), value; median, p90, kaplan_meier (-1: not reached), wait_median,
--   work_median, start_to_closed_median (minutes); n, open, oldest_open_minutes, drills, late_entries; cases (id and minutes of each where n < 5)
-- scans: incident_events, all of them; some rows an incident
WITH
    fromUnixTimestamp64Milli({period_start_ms:Int64}, 'UTC') AS period_start,
    fromUnixTimestamp64Milli({period_end_ms:Int64}, 'UTC') AS period_end,
    fromUnixTimestamp64Milli({as_of_ms:Int64}, 'UTC') AS as_of,
    incidents AS
    (
        SELECT
            incident_id,
            max(drill) AS is_drill,
            if(countIf(step = 'detected') > 0, minIf(occurred_at, step = 'detected'), minIf(occurred_at, step = 'opened')) AS detected,
            countIf(step = 'investigation_started') > 0 AS was_started,
            minIf(occurred_at, step = 'investigation_started') AS started,
            maxIf(occurred_at, step = 'closed') AS case_closed,
            maxIf(occurred_at, step = 'cause_identified') AS cause,
            -- Reopened after the last cause: what was known turned out not to be the cause.
            countIf(step = 'cause_identified') > 0 AND cause >= maxIf(occurred_at, step = 'reopened') AS closed,
            dateDiff('second', detected, if(closed, cause, as_of)) / 60 AS minutes,
            countIf(dateDiff('hour', occurred_at, recorded_at) >= 24) AS late
        FROM incident_events
        WHERE recorded_at <= as_of
        GROUP BY incident_id
        HAVING detected >= period_start AND detected < period_end
    ),
    survival AS
    (
        SELECT minutes, exp(sum(log(1 - closed / at_risk)) OVER (ORDER BY minutes, closed DESC, incident_id ROWS UNBOUNDED PRECEDING)) AS still_open
        FROM
        (
            SELECT incident_id, minutes, closed, count() OVER (ORDER BY minutes DESC, closed, incident_id DESC ROWS UNBOUNDED PRECEDING) AS at_risk
            FROM incidents
            WHERE NOT is_drill
        )
    )
SELECT
    toFloat64(countIf(real AND closed)) AS numerator,
    toFloat64(countIf(real)) AS denominator,
    if(open > denominator / 5, kaplan_meier, median) AS value,
    ifNotFinite(quantileExactInclusiveIf(0.5)(minutes, real AND closed), 0) AS median,
    ifNotFinite(quantileExactInclusiveIf(0.9)(minutes, real AND closed), 0) AS p90,
    (SELECT if(count() = 0, -1, min(minutes)) FROM survival WHERE still_open <= 0.5 + 1e-9) AS kaplan_meier,
    ifNotFinite(quantileExactInclusiveIf(0.5)(dateDiff('second', detected, started) / 60, real AND was_started), 0) AS wait_median,
    ifNotFinite(quantileExactInclusiveIf(0.5)(dateDiff('second', started, cause) / 60, real AND closed AND was_started), 0) AS work_median,
    ifNotFinite(quantileExactInclusiveIf(0.5)(dateDiff('second', started, case_closed) / 60, real AND was_started AND case_closed > started), 0) AS start_to_closed_median,
    toUInt32(countIf(real AND closed)) AS n,
    toUInt32(countIf(real AND NOT closed)) AS open,
    maxIf(minutes, real AND NOT closed) AS oldest_open_minutes,
    toUInt32(countIf(NOT real)) AS drills,
    toUInt32(sumIf(late, real)) AS late_entries,
    if(n < 5, arraySort(c -> c.2, groupArrayIf((incident_id, minutes), real AND closed)), []) AS cases
FROM (SELECT *, NOT is_drill AS real FROM incidents)
