-- Which values the acts of each class of tasks had at each place of their arguments, in how many tasks, and since when: whoever
-- asks whether a value is new would else read all of history. Values are the record's keyed digests. A repeated row counts
-- the same tasks again, which are told apart.
CREATE TABLE IF NOT EXISTS argument_values (
    server LowCardinality(String),
    tool LowCardinality(String),
    effect LowCardinality(String),
    -- JSON Pointer, a list's places as *.
    path LowCardinality(String),
    -- The task's class, or agent: and the agent that has none.
    task_class LowCardinality(String),
    digest String CODEC(ZSTD(1)),
    tasks AggregateFunction(uniq, UInt64),
    first_at SimpleAggregateFunction(min, DateTime64(6, 'UTC')),
    last_at SimpleAggregateFunction(max, DateTime64(6, 'UTC'))
) ENGINE = AggregatingMergeTree
ORDER BY (server, tool, effect, path, task_class, digest)
SETTINGS non_replicated_deduplication_window = 10000, fsync_after_insert = 1, fsync_part_directory = 1;

CREATE MATERIALIZED VIEW IF NOT EXISTS argument_values_mv TO argument_values AS
SELECT
    c.server AS server,
    c.tool AS tool,
    c.effect AS effect,
    leaf.1 AS path,
    if(c.task_class != '', toString(c.task_class), concat('agent:', toString(c.agent))) AS task_class,
    leaf.2 AS digest,
    uniqState(sipHash64(multiIf(c.task_id != '', c.task_id, c.parent_span_id != '', c.trace_id, c.session_id != '', c.session_id, toString(toStartOfHour(c.ts))))) AS tasks,
    min(c.ts) AS first_at,
    max(c.ts) AS last_at
FROM calls AS c
-- A view that throws keeps the calls out as well: whatever a row holds, this one takes it.
ARRAY JOIN arrayZip(c.arg_paths, arrayResize(c.arg_digests, length(c.arg_paths), '')) AS leaf
WHERE c.method = 'tools/call' AND c.decision = 'allow' AND c.effect != 'read' AND c.basis != 'imported'
GROUP BY server, tool, effect, path, task_class, digest;

-- How instruction-shaped the text was that an argument came out of, in tenths: in how many tasks of a class.
CREATE TABLE IF NOT EXISTS argument_flows (
    server LowCardinality(String),
    tool LowCardinality(String),
    effect LowCardinality(String),
    path LowCardinality(String),
    task_class LowCardinality(String),
    level UInt8,
    tasks AggregateFunction(uniqCombined(12), UInt64),
    last_at SimpleAggregateFunction(max, DateTime64(6, 'UTC'))
) ENGINE = AggregatingMergeTree
ORDER BY (server, tool, effect, path, task_class, level)
SETTINGS non_replicated_deduplication_window = 10000, fsync_after_insert = 1, fsync_part_directory = 1;

CREATE MATERIALIZED VIEW IF NOT EXISTS argument_flows_mv TO argument_flows AS
SELECT
    c.server AS server,
    c.tool AS tool,
    c.effect AS effect,
    leaf.1 AS path,
    if(c.task_class != '', toString(c.task_class), concat('agent:', toString(c.agent))) AS task_class,
    toUInt8(round(leaf.2 * 10)) AS level,
    uniqCombinedState(12)(sipHash64(multiIf(c.task_id != '', c.task_id, c.parent_span_id != '', c.trace_id, c.session_id != '', c.session_id, toString(toStartOfHour(c.ts))))) AS tasks,
    max(c.ts) AS last_at
FROM calls AS c
ARRAY JOIN arrayZip(c.arg_paths, arrayResize(c.arg_flow_scores, length(c.arg_paths), 0)) AS leaf
-- Of reads, which are most calls, only those with such an argument: that is all that is asked of them.
WHERE c.method = 'tools/call' AND c.decision = 'allow' AND c.basis != 'imported' AND (c.effect != 'read' OR arrayExists(score -> score >= 0.05, c.arg_flow_scores))
GROUP BY server, tool, effect, path, task_class, level;

-- Bits that a call's arguments add to its task's score.
ALTER TABLE sequence_scores ADD COLUMN IF NOT EXISTS argument_bits Float64 DEFAULT 0 AFTER after_untrusted_bits;

-- How often tasks act after an untrusted read is counted from now on, so every hour of the history is counted anew.
TRUNCATE TABLE sequence_blocks;
