-- The registry as it stood at each revision: one row a server and revision, appended by the proxy that loaded it.
CREATE TABLE IF NOT EXISTS registry_servers (
    revision String,
    published_at DateTime64(3, 'UTC'),
    server String,
    version String,
    owner String,
    contact String,
    risk_tier LowCardinality(String),
    data_domains Array(String),
    lifecycle LowCardinality(String),
    environments Array(String),
    task_classes Array(String),
    transport LowCardinality(String)
) ENGINE = ReplacingMergeTree
ORDER BY (revision, server);

-- The registry in force: the rows of the revision that was published last.
CREATE VIEW IF NOT EXISTS registry_current AS
SELECT *
FROM registry_servers FINAL
WHERE revision = (SELECT argMax(revision, published_at) FROM registry_servers);

-- Every policy set that was ever in force, whole: what a decision's policy_version refers to.
CREATE TABLE IF NOT EXISTS policy_versions (
    version String,
    published_at DateTime64(3, 'UTC'),
    rules String
) ENGINE = ReplacingMergeTree
ORDER BY version;
