CREATE TABLE IF NOT EXISTS control_events ON CLUSTER main (
) ENGINE = ReplicatedReplacingMergeTree('/clickhouse/tables/everywhere/{database}/{table}', '{shard}-{replica}')

CREATE VIEW IF NOT EXISTS tasks_current ON CLUSTER main AS

CREATE VIEW IF NOT EXISTS approvals_current ON CLUSTER main AS

CREATE VIEW IF NOT EXISTS exceptions_current ON CLUSTER main AS

CREATE VIEW IF NOT EXISTS quarantine_current ON CLUSTER main AS
