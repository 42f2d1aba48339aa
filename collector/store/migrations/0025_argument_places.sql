-- About how many values each place of arguments had in a month, by class: where every call brings its own, nobody asks for them, and
-- to find that out among the values themselves takes memory for all of history.
CREATE TABLE IF NOT EXISTS argument_places (
    server LowCardinality(String),
    tool LowCardinality(String),
    effect LowCardinality(String),
    path LowCardinality(String),
    month Date,
    class_values AggregateFunction(uniqCombined(12), UInt64)
) ENGINE = AggregatingMergeTree
ORDER BY (server, tool, effect, path, month)
SETTINGS non_replicated_deduplication_window = 10000, fsync_after_insert = 1, fsync_part_directory = 1;

CREATE MATERIALIZED VIEW IF NOT EXISTS argument_places_mv TO argument_places AS
SELECT
    v.server AS server,
    v.tool AS tool,
    v.effect AS effect,
    v.path AS path,
    toStartOfMonth(v.last_at) AS month,
    uniqCombinedState(12)(sipHash64(v.task_class, v.digest)) AS class_values
FROM argument_values AS v
GROUP BY server, tool, effect, path, month;

INSERT INTO argument_places
SELECT server, tool, effect, path, toStartOfMonth(last_at), uniqCombinedState(12)(sipHash64(task_class, digest))
FROM argument_values
GROUP BY server, tool, effect, path, toStartOfMonth(last_at);
