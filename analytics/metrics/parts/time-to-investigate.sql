-- id: time_to_investigate
-- version: 2
-- title: Time to investigate, by team, server and environment
-- unit: minutes
-- definition: The same incidents, each where it happened: at the servers of the calls that were recorded as its evidence and
--   of the alerts that it was opened for, with their owners and environments at the time of the call, or the registry's
--   where an alert is all there is. One that concerns several counts in each.
-- question: How long does it take until the cause of an incident is known, at whose servers?
-- params: period_start_ms, period_end_ms, as_of_ms (Unix milliseconds)
-- out: dimension (team, server, environment), name ('' for none); numerator (incidents with a cause), denominator
--   (incidents), value (-1: the median is not reached)
-- scans: incident_events, all of them; alert_events of their alerts; the calls that are their evidence
WITH
    fromUnixTimestamp64Milli({period_start_ms:Int64}, 'UTC') AS period_start,
    fromUnixTimestamp64Milli({period_end_ms:Int64}, 'UTC') AS period_end,
    fromUnixTimestamp64Milli({as_of_ms:Int64}, 'UTC') AS as_of,
    incidents AS
    (
        SELECT
            incident_id,
            if(countIf(step = 'detected') > 0, minIf(occurred_at, step = 'detected'), minIf(occurred_at, step = 'opened')) AS detected,
            maxIf(occurred_at, step = 'cause_identified') AS cause,
            countIf(step = 'cause_identified') > 0 AND cause >= maxIf(occurred_at, step = 'reopened') AS closed,
            dateDiff('second', detected, if(closed, cause, as_of)) / 60 AS minutes,
            groupUniqArrayIf(alert_id, alert_id != '') AS alerts,
            groupUniqArrayArray(call_ids) AS evidence
        FROM incident_events
        WHERE recorded_at <= as_of
        GROUP BY incident_id
        HAVING detected >= period_start AND detected < period_end AND NOT max(drill)
    ),
    evidence_ids AS
    (
        SELECT
            incident_id,
            arrayJoin(evidence) AS id,
            arrayStringConcat(arrayPopBack(splitByChar('-', id)), '-') AS made_by,
            toUInt64OrZero(splitByChar('-', id)[-1]) AS number
        FROM incidents
    ),
    evidence_calls AS
    (
        SELECT toString(producer) AS made_by, seq AS number, toString(server) AS server, toString(owner) AS owner, toString(environment) AS environment
        FROM calls
        WHERE seq IN (SELECT number FROM evidence_ids) AND (producer, seq) IN (SELECT made_by, number FROM evidence_ids)
            -- An incident is about what happened in the month before it was noticed, or while it lasted.
            AND ts >= period_start - INTERVAL 30 DAY AND ts < as_of
        LIMIT 1 BY producer, seq
    ),
    alerted AS
    (
        SELECT incident_id, server, any(owner) AS owner, arrayJoin(if(empty(any(environments)), [''], any(environments))) AS environment
        FROM
        (
            SELECT DISTINCT i.incident_id AS incident_id, a.server AS server
            FROM (SELECT incident_id, arrayJoin(alerts) AS alert_id FROM incidents) AS i
            INNER JOIN (SELECT alert_id, argMax(labels['server'], at) AS server FROM alert_events GROUP BY alert_id) AS a ON a.alert_id = i.alert_id
            WHERE a.server != ''
        ) AS named
        LEFT JOIN
        (
            SELECT server AS registered, owner, environments
            FROM registry_servers FINAL
            WHERE revision = (
                SELECT if(countIf(published_at <= period_end) > 0, argMaxIf(revision, published_at, published_at <= period_end), argMin(revision, published_at))
                FROM registry_servers
            )
        ) AS known ON known.registered = named.server
        WHERE (incident_id, server) NOT IN (SELECT e.incident_id, c.server FROM evidence_ids AS e INNER JOIN evidence_calls AS c ON c.made_by = e.made_by AND c.number = e.number)
        GROUP BY incident_id, server
    ),
    parts AS
    (
        SELECT DISTINCT incident_id, part.1 AS dimension, part.2 AS name
        FROM
        (
            SELECT e.incident_id AS incident_id, c.owner AS owner, c.server AS server, c.environment AS environment
            FROM evidence_ids AS e
            INNER JOIN evidence_calls AS c ON c.made_by = e.made_by AND c.number = e.number
            UNION ALL
            SELECT incident_id, owner, server, environment FROM alerted
        )
        ARRAY JOIN [('team', owner), ('server', server), ('environment', environment)] AS part
    ),
    placed AS
    (
        SELECT p.dimension AS dimension, p.name AS name, i.incident_id AS incident_id, i.minutes AS minutes, i.closed AS closed
        FROM incidents AS i
        INNER JOIN parts AS p ON p.incident_id = i.incident_id
    )
SELECT
    dimension,
    name,
    toFloat64(sum(closed)) AS numerator,
    toFloat64(count()) AS denominator,
    if(denominator - numerator > denominator / 5, ifNull(minOrNullIf(minutes, still_open <= 0.5 + 1e-9), -1), quantileExactInclusiveIf(0.5)(minutes, closed)) AS value
FROM
(
    SELECT *, exp(sum(log(1 - closed / at_risk)) OVER (PARTITION BY dimension, name ORDER BY minutes, closed DESC, incident_id ROWS UNBOUNDED PRECEDING)) AS still_open
    FROM
    (
        SELECT *, count() OVER (PARTITION BY dimension, name ORDER BY minutes DESC, closed, incident_id DESC ROWS UNBOUNDED PRECEDING) AS at_risk
        FROM placed
    )
)
GROUP BY dimension, name
ORDER BY dimension, name
