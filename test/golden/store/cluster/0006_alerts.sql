CREATE TABLE IF NOT EXISTS alert_events ON CLUSTER main (
) ENGINE = ReplicatedMergeTree('/clickhouse/tables/everywhere/{database}/{table}', '{shard}-{replica}')

CREATE VIEW IF NOT EXISTS alerts_current ON CLUSTER main AS

CREATE TABLE IF NOT EXISTS notification_events ON CLUSTER main (
) ENGINE = ReplicatedMergeTree('/clickhouse/tables/everywhere/{database}/{table}', '{shard}-{replica}')

CREATE TABLE IF NOT EXISTS incident_events ON CLUSTER main (
) ENGINE = ReplicatedMergeTree('/clickhouse/tables/everywhere/{database}/{table}', '{shard}-{replica}')
