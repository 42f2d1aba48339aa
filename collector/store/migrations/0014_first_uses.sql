-- When an agent or a class of tasks was first allowed what: to call at all, a server of high risk, an effect, a data domain. A
-- detector of first uses would else read all of history at every tick. A repeated row says the same minimum again.
CREATE TABLE IF NOT EXISTS first_uses (
    entity_kind LowCardinality(String),
    entity String,
    -- 'any', 'high_tier_server', 'effect' or 'data_domain'
    kind LowCardinality(String),
    value String,
    first_at SimpleAggregateFunction(min, DateTime64(6, 'UTC'))
) ENGINE = AggregatingMergeTree
ORDER BY (entity_kind, entity, kind, value)
SETTINGS non_replicated_deduplication_window = 10000, fsync_after_insert = 1, fsync_part_directory = 1;

CREATE MATERIALIZED VIEW IF NOT EXISTS first_uses_mv TO first_uses AS
SELECT use.1 AS entity_kind, use.2 AS entity, use.3 AS kind, use.4 AS value, min(c.ts) AS first_at
FROM calls AS c
ARRAY JOIN arrayFilter(u -> u.2 != '' AND u.4 != '', arrayConcat(
    [
        ('agent', toString(c.agent), 'any', 'call'),
        ('agent', toString(c.agent), 'high_tier_server', if(c.risk_tier = 'high', toString(c.server), '')),
        ('agent', toString(c.agent), 'effect', if(c.effect IN ('write', 'destructive'), toString(c.effect), '')),
        ('task_class', toString(c.task_class), 'any', 'call')
    ],
    arrayMap(domain -> ('task_class', toString(c.task_class), 'data_domain', toString(domain)), c.data_domains)
)) AS use
WHERE c.decision = 'allow' AND c.method IN ('tools/call', 'resources/read', 'prompts/get')
GROUP BY entity_kind, entity, kind, value;

-- What was stored before the view was there.
INSERT INTO first_uses
SELECT use.1 AS entity_kind, use.2 AS entity, use.3 AS kind, use.4 AS value, min(c.ts) AS first_at
FROM calls AS c
ARRAY JOIN arrayFilter(u -> u.2 != '' AND u.4 != '', arrayConcat(
    [
        ('agent', toString(c.agent), 'any', 'call'),
        ('agent', toString(c.agent), 'high_tier_server', if(c.risk_tier = 'high', toString(c.server), '')),
        ('agent', toString(c.agent), 'effect', if(c.effect IN ('write', 'destructive'), toString(c.effect), '')),
        ('task_class', toString(c.task_class), 'any', 'call')
    ],
    arrayMap(domain -> ('task_class', toString(c.task_class), 'data_domain', toString(domain)), c.data_domains)
)) AS use
WHERE c.decision = 'allow' AND c.method IN ('tools/call', 'resources/read', 'prompts/get')
GROUP BY entity_kind, entity, kind, value;
