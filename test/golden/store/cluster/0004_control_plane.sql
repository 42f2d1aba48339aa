CREATE TABLE IF NOT EXISTS registry_servers ON CLUSTER main (
) ENGINE = ReplicatedReplacingMergeTree('/clickhouse/tables/everywhere/{database}/{table}', '{shard}-{replica}')

CREATE VIEW IF NOT EXISTS registry_current ON CLUSTER main AS

CREATE TABLE IF NOT EXISTS policy_versions ON CLUSTER main (
) ENGINE = ReplicatedReplacingMergeTree('/clickhouse/tables/everywhere/{database}/{table}', '{shard}-{replica}')
