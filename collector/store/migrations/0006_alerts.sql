-- Every transition of every alert, appended; the current state is a view over them.
CREATE TABLE IF NOT EXISTS alert_events (
    alert_id String,
    rule_id LowCardinality(String),
    rule_version UInt32,
    fingerprint String,
    at DateTime64(3, 'UTC'),
    state LowCardinality(String),
    previous_state LowCardinality(String),
    -- Who moved it: 'signalbox' or a person.
    actor String,
    reason String,
    severity LowCardinality(String),
    title String,
    labels Map(LowCardinality(String), String),
    annotations Map(LowCardinality(String), String),
    finding_id String,
    starts_at DateTime64(3, 'UTC'),
    ends_at Nullable(DateTime64(3, 'UTC'))
) ENGINE = MergeTree
ORDER BY (alert_id, at);

-- Of two transitions in the same millisecond the later step counts.
CREATE VIEW IF NOT EXISTS alerts_current AS
SELECT
    alert_id,
    updated_at,
    latest.1 AS rule_id, latest.2 AS rule_version, latest.3 AS fingerprint, latest.4 AS state, latest.5 AS previous_state,
    latest.6 AS actor, latest.7 AS reason, latest.8 AS severity, latest.9 AS title, latest.10 AS labels,
    latest.11 AS annotations, latest.12 AS finding_id, latest.13 AS starts_at, latest.14 AS ends_at
FROM (
    SELECT
        alert_id,
        argMax(
            tuple(rule_id, rule_version, fingerprint, state, previous_state, actor, reason, severity, title, labels, annotations, finding_id, starts_at, ends_at),
            tuple(at, indexOf(['pending', 'firing', 'acknowledged', 'silenced', 'resolved'], state))
        ) AS latest,
        max(at) AS updated_at
    FROM alert_events
    GROUP BY alert_id
);

-- The outbox: what is to be delivered, and every attempt to.
CREATE TABLE IF NOT EXISTS notification_events (
    notification_id String,
    at DateTime64(3, 'UTC'),
    -- queued, delivered, failed (will be tried again), dead (given up)
    status LowCardinality(String),
    attempt UInt16,
    channel LowCardinality(String),
    receiver String,
    alert_id String,
    type LowCardinality(String),
    body String,
    next_attempt_at Nullable(DateTime64(3, 'UTC')),
    http_status UInt16,
    error String
) ENGINE = MergeTree
ORDER BY (notification_id, at);

-- The steps of an investigation. Edits append; nothing is overwritten.
CREATE TABLE IF NOT EXISTS incident_events (
    incident_id String,
    -- opened, detected, acknowledged, investigation_started, cause_identified, contained, resolved, closed, reopened, note
    step LowCardinality(String),
    occurred_at DateTime64(3, 'UTC'),
    recorded_at DateTime64(3, 'UTC'),
    actor String,
    alert_id String,
    title String,
    severity LowCardinality(String),
    -- agent, human_via_agent, external_content, unknown
    initiator LowCardinality(String),
    cause String,
    note String,
    call_ids Array(String),
    drill Bool
) ENGINE = MergeTree
ORDER BY (incident_id, recorded_at, step);
