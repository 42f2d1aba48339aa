-- What usually follows what in the tasks of each class, counted an hour at a time. A model is the sum of the hours that it
-- learnt from, so the next one costs one more hour and not the whole history again. An hour that is counted again (an incident
-- became known that must not be learnt) gets rows of its own: those of the newest count in sequence_blocks hold.
CREATE TABLE IF NOT EXISTS sequence_counts (
    block DateTime('UTC'),
    counted_at DateTime64(3, 'UTC'),
    task_class LowCardinality(String),
    -- 'transition', or 'after_untrusted': in so many tasks `next` came for the first time after an untrusted read.
    kind LowCardinality(String),
    -- The 0 to 3 calls before, one a line, each with !outcome where it was not ok; ^ stands before the first call.
    context String CODEC(ZSTD(1)),
    -- server/tool/effect
    next LowCardinality(String),
    count UInt32
) ENGINE = ReplacingMergeTree
PARTITION BY toYYYYMM(block)
ORDER BY (block, counted_at, task_class, kind, context, next);

-- Which hours are counted, and when; written when all of an hour's counts are.
CREATE TABLE IF NOT EXISTS sequence_blocks (
    block DateTime('UTC'),
    counted_at DateTime64(3, 'UTC'),
    counts UInt32
) ENGINE = ReplacingMergeTree
ORDER BY (block, counted_at);

-- Every model that was ever in force; written when all of its transitions are. It is in force from learnt_to on.
CREATE TABLE IF NOT EXISTS sequence_models (
    version String,
    built_at DateTime64(3, 'UTC'),
    learnt_from DateTime64(3, 'UTC'),
    learnt_to DateTime64(3, 'UTC'),
    tasks UInt64,
    task_classes UInt32,
    transitions UInt64,
    -- Incidents whose tasks were left out.
    left_out Array(String),
    -- Scores of the newest tasks, each under a model without it: what an ordinary task scores.
    calibration Array(Float32) CODEC(ZSTD(1)),
    method LowCardinality(String)
) ENGINE = ReplacingMergeTree(built_at)
ORDER BY (learnt_to, version);

CREATE TABLE IF NOT EXISTS sequence_transitions (
    version LowCardinality(String),
    learnt_to DateTime('UTC'),
    task_class LowCardinality(String),
    kind LowCardinality(String),
    context String CODEC(ZSTD(1)),
    next LowCardinality(String),
    count UInt64
) ENGINE = ReplacingMergeTree
PARTITION BY toYYYYMM(learnt_to)
ORDER BY (version, task_class, kind, context, next);

-- How surprising each call was to the model that was in force, and how its task stood with it. Sorted by the piece of work,
-- of which a call has one, so a call that is scored again under the same version takes its own place.
CREATE TABLE IF NOT EXISTS sequence_scores (
    unit String CODEC(ZSTD(1)),
    producer LowCardinality(String),
    seq UInt64,
    call_id String ALIAS concat(producer, '-', toString(seq)),
    model_version LowCardinality(String),
    ts DateTime64(6, 'UTC'),
    task_id String CODEC(ZSTD(1)),
    agent LowCardinality(String),
    -- The task's class, or agent: and the agent that has none.
    task_class LowCardinality(String),
    -- Counted from 1 within the piece of work.
    position UInt32,
    -- The transition: the longest context that the class was seen in, what followed now, and how often that did of all the times.
    context String CODEC(ZSTD(1)),
    next LowCardinality(String),
    seen UInt64,
    seen_context UInt64,
    bits Float64,
    -- What its coming after an untrusted read adds, where it acts.
    after_untrusted_bits Float64,
    -- The task's score up to and with this call.
    task_score Float64,
    scored_at DateTime64(3, 'UTC'),
    INDEX idx_task_id task_id TYPE bloom_filter(0.001) GRANULARITY 1
) ENGINE = ReplacingMergeTree(scored_at)
PARTITION BY toYYYYMM(ts)
ORDER BY (unit, producer, seq, model_version);
