CREATE SETTINGS PROFILE IF NOT EXISTS signalbox_service;
ALTER SETTINGS PROFILE signalbox_service SETTINGS
    distributed_product_mode = 'global',
    distributed_foreground_insert = 1,
    async_insert = 0,
    deduplicate_blocks_in_dependent_materialized_views = 1,
    max_memory_usage = 1000000000;
CREATE ROLE IF NOT EXISTS signalbox_writer SETTINGS PROFILE 'signalbox_service';
GRANT INSERT ON signalbox.otel_traces TO signalbox_writer;
GRANT INSERT ON signalbox.registry_servers TO signalbox_writer;
GRANT INSERT ON signalbox.policy_versions TO signalbox_writer;
GRANT INSERT ON signalbox.control_events TO signalbox_writer;
GRANT INSERT ON signalbox.audit_checkpoints TO signalbox_writer;
GRANT INSERT ON signalbox.audit_anchors TO signalbox_writer;
GRANT INSERT ON signalbox.payloads TO signalbox_writer;
GRANT INSERT ON signalbox.dropped_payloads TO signalbox_writer;
GRANT SELECT ON signalbox.schema_migrations TO signalbox_writer;
GRANT SELECT ON signalbox.retention_changes TO signalbox_writer;
GRANT SELECT ON signalbox.retention_horizons TO signalbox_writer;
GRANT SHOW TABLES, SHOW COLUMNS ON signalbox.* TO signalbox_writer;
CREATE ROLE IF NOT EXISTS signalbox_backend SETTINGS PROFILE 'signalbox_service';
GRANT SELECT ON signalbox.alert_events TO signalbox_backend;
GRANT SELECT ON signalbox.alerts_current TO signalbox_backend;
GRANT SELECT ON signalbox.approval_decisions TO signalbox_backend;
GRANT SELECT ON signalbox.approvals_current TO signalbox_backend;
GRANT SELECT ON signalbox.argument_flows TO signalbox_backend;
GRANT SELECT ON signalbox.argument_places TO signalbox_backend;
GRANT SELECT ON signalbox.argument_values TO signalbox_backend;
GRANT SELECT ON signalbox.audit_anchors TO signalbox_backend;
GRANT SELECT ON signalbox.audit_checkpoints TO signalbox_backend;
GRANT SELECT ON signalbox.audit_completeness TO signalbox_backend;
GRANT SELECT ON signalbox.baselines TO signalbox_backend;
GRANT SELECT ON signalbox.blast_radius TO signalbox_backend;
GRANT SELECT ON signalbox.blast_radius_from TO signalbox_backend;
GRANT SELECT ON signalbox.blast_radius_of_agent TO signalbox_backend;
GRANT SELECT ON signalbox.blast_radius_of_credential TO signalbox_backend;
GRANT SELECT ON signalbox.blast_radius_of_server TO signalbox_backend;
GRANT SELECT ON signalbox.blast_radius_of_time TO signalbox_backend;
GRANT SELECT ON signalbox.calls TO signalbox_backend;
GRANT SELECT ON signalbox.calls_1d TO signalbox_backend;
GRANT SELECT ON signalbox.calls_1h TO signalbox_backend;
GRANT SELECT ON signalbox.calls_1m TO signalbox_backend;
GRANT SELECT ON signalbox.calls_between TO signalbox_backend;
GRANT SELECT ON signalbox.calls_from_spans TO signalbox_backend;
GRANT SELECT ON signalbox.control_events TO signalbox_backend;
GRANT SELECT ON signalbox.dropped_payloads TO signalbox_backend;
GRANT SELECT ON signalbox.exception_uses TO signalbox_backend;
GRANT SELECT ON signalbox.exceptions_current TO signalbox_backend;
GRANT SELECT ON signalbox.findings TO signalbox_backend;
GRANT SELECT ON signalbox.first_uses TO signalbox_backend;
GRANT SELECT ON signalbox.incident_events TO signalbox_backend;
GRANT SELECT ON signalbox.incident_hours TO signalbox_backend;
GRANT SELECT ON signalbox.job_runs TO signalbox_backend;
GRANT SELECT ON signalbox.latency_1d TO signalbox_backend;
GRANT SELECT ON signalbox.latency_1h TO signalbox_backend;
GRANT SELECT ON signalbox.latency_1m TO signalbox_backend;
GRANT SELECT ON signalbox.latency_between TO signalbox_backend;
GRANT SELECT ON signalbox.latency_by_agent_1h TO signalbox_backend;
GRANT SELECT ON signalbox.metric_values TO signalbox_backend;
GRANT SELECT ON signalbox.notification_events TO signalbox_backend;
GRANT SELECT ON signalbox.otel_traces TO signalbox_backend;
GRANT SELECT ON signalbox.otel_traces_trace_id_ts TO signalbox_backend;
GRANT SELECT ON signalbox.policy_versions TO signalbox_backend;
GRANT SELECT ON signalbox.quarantine_current TO signalbox_backend;
GRANT SELECT ON signalbox.registry_current TO signalbox_backend;
GRANT SELECT ON signalbox.registry_servers TO signalbox_backend;
GRANT SELECT ON signalbox.retention_changes TO signalbox_backend;
GRANT SELECT ON signalbox.retention_horizons TO signalbox_backend;
GRANT SELECT ON signalbox.schema_migrations TO signalbox_backend;
GRANT SELECT ON signalbox.sequence_blocks TO signalbox_backend;
GRANT SELECT ON signalbox.sequence_counts TO signalbox_backend;
GRANT SELECT ON signalbox.sequence_models TO signalbox_backend;
GRANT SELECT ON signalbox.sequence_scores TO signalbox_backend;
GRANT SELECT ON signalbox.sequence_transitions TO signalbox_backend;
GRANT SELECT ON signalbox.tasks_current TO signalbox_backend;
GRANT INSERT ON signalbox.baselines TO signalbox_backend;
GRANT INSERT ON signalbox.findings TO signalbox_backend;
GRANT INSERT ON signalbox.job_runs TO signalbox_backend;
GRANT INSERT ON signalbox.metric_values TO signalbox_backend;
GRANT INSERT ON signalbox.alert_events TO signalbox_backend;
GRANT INSERT ON signalbox.notification_events TO signalbox_backend;
GRANT INSERT ON signalbox.incident_events TO signalbox_backend;
GRANT INSERT ON signalbox.audit_completeness TO signalbox_backend;
GRANT INSERT ON signalbox.sequence_counts TO signalbox_backend;
GRANT INSERT ON signalbox.sequence_blocks TO signalbox_backend;
GRANT INSERT ON signalbox.sequence_models TO signalbox_backend;
GRANT INSERT ON signalbox.sequence_transitions TO signalbox_backend;
GRANT INSERT ON signalbox.sequence_scores TO signalbox_backend;
CREATE SETTINGS PROFILE IF NOT EXISTS signalbox_analyst;
ALTER SETTINGS PROFILE signalbox_analyst SETTINGS
    readonly = 2 CONST,
    allow_ddl = 0 CONST,
    allow_introspection_functions = 0 CONST,
    distributed_product_mode = 'global',
    max_memory_usage = 1000000000 MIN 1 MAX 1000000000,
    max_memory_usage_for_user = 2000000000 CONST,
    max_execution_time = 30 MIN 1 MAX 30,
    max_rows_to_read = 2000000000 MIN 1 MAX 2000000000,
    max_result_rows = 1000000 MIN 1 MAX 1000000,
    max_result_bytes = 268435456 MIN 1 MAX 268435456,
    max_concurrent_queries_for_user = 4 CONST;
CREATE ROLE IF NOT EXISTS signalbox_analyst SETTINGS PROFILE 'signalbox_analyst';
GRANT SELECT ON signalbox.alert_events TO signalbox_analyst;
GRANT SELECT ON signalbox.alerts_current TO signalbox_analyst;
GRANT SELECT ON signalbox.approval_decisions TO signalbox_analyst;
GRANT SELECT ON signalbox.approvals_current TO signalbox_analyst;
GRANT SELECT ON signalbox.argument_flows TO signalbox_analyst;
GRANT SELECT ON signalbox.argument_places TO signalbox_analyst;
GRANT SELECT ON signalbox.argument_values TO signalbox_analyst;
GRANT SELECT ON signalbox.audit_anchors TO signalbox_analyst;
GRANT SELECT ON signalbox.audit_checkpoints TO signalbox_analyst;
GRANT SELECT ON signalbox.audit_completeness TO signalbox_analyst;
GRANT SELECT ON signalbox.baselines TO signalbox_analyst;
GRANT SELECT ON signalbox.blast_radius TO signalbox_analyst;
GRANT SELECT ON signalbox.blast_radius_from TO signalbox_analyst;
GRANT SELECT ON signalbox.blast_radius_of_agent TO signalbox_analyst;
GRANT SELECT ON signalbox.blast_radius_of_credential TO signalbox_analyst;
GRANT SELECT ON signalbox.blast_radius_of_server TO signalbox_analyst;
GRANT SELECT ON signalbox.blast_radius_of_time TO signalbox_analyst;
GRANT SELECT ON signalbox.calls TO signalbox_analyst;
GRANT SELECT ON signalbox.calls_1d TO signalbox_analyst;
GRANT SELECT ON signalbox.calls_1h TO signalbox_analyst;
GRANT SELECT ON signalbox.calls_1m TO signalbox_analyst;
GRANT SELECT ON signalbox.calls_between TO signalbox_analyst;
GRANT SELECT ON signalbox.calls_from_spans TO signalbox_analyst;
GRANT SELECT ON signalbox.control_events TO signalbox_analyst;
GRANT SELECT ON signalbox.dropped_payloads TO signalbox_analyst;
GRANT SELECT ON signalbox.exception_uses TO signalbox_analyst;
GRANT SELECT ON signalbox.exceptions_current TO signalbox_analyst;
GRANT SELECT ON signalbox.findings TO signalbox_analyst;
GRANT SELECT ON signalbox.first_uses TO signalbox_analyst;
GRANT SELECT ON signalbox.incident_events TO signalbox_analyst;
GRANT SELECT ON signalbox.incident_hours TO signalbox_analyst;
GRANT SELECT ON signalbox.job_runs TO signalbox_analyst;
GRANT SELECT ON signalbox.latency_1d TO signalbox_analyst;
GRANT SELECT ON signalbox.latency_1h TO signalbox_analyst;
GRANT SELECT ON signalbox.latency_1m TO signalbox_analyst;
GRANT SELECT ON signalbox.latency_between TO signalbox_analyst;
GRANT SELECT ON signalbox.latency_by_agent_1h TO signalbox_analyst;
GRANT SELECT ON signalbox.metric_values TO signalbox_analyst;
GRANT SELECT ON signalbox.notification_events TO signalbox_analyst;
GRANT SELECT ON signalbox.otel_traces TO signalbox_analyst;
GRANT SELECT ON signalbox.otel_traces_trace_id_ts TO signalbox_analyst;
GRANT SELECT ON signalbox.policy_versions TO signalbox_analyst;
GRANT SELECT ON signalbox.quarantine_current TO signalbox_analyst;
GRANT SELECT ON signalbox.registry_current TO signalbox_analyst;
GRANT SELECT ON signalbox.registry_servers TO signalbox_analyst;
GRANT SELECT ON signalbox.retention_changes TO signalbox_analyst;
GRANT SELECT ON signalbox.retention_horizons TO signalbox_analyst;
GRANT SELECT ON signalbox.schema_migrations TO signalbox_analyst;
GRANT SELECT ON signalbox.sequence_blocks TO signalbox_analyst;
GRANT SELECT ON signalbox.sequence_counts TO signalbox_analyst;
GRANT SELECT ON signalbox.sequence_models TO signalbox_analyst;
GRANT SELECT ON signalbox.sequence_scores TO signalbox_analyst;
GRANT SELECT ON signalbox.sequence_transitions TO signalbox_analyst;
GRANT SELECT ON signalbox.tasks_current TO signalbox_analyst;
CREATE QUOTA IF NOT EXISTS signalbox_analyst KEYED BY user_name;
ALTER QUOTA signalbox_analyst
    FOR INTERVAL 1 hour MAX queries = 2000, read_rows = 100000000000, execution_time = 3600
    TO signalbox_analyst;
CREATE ROLE IF NOT EXISTS signalbox_payload_reader SETTINGS PROFILE 'signalbox_analyst';
GRANT SELECT ON signalbox.payloads TO signalbox_payload_reader;
CREATE ROLE IF NOT EXISTS signalbox_admin SETTINGS PROFILE 'signalbox_service';
GRANT SELECT, INSERT, ALTER, CREATE DATABASE, CREATE TABLE, CREATE VIEW, DROP TABLE, DROP VIEW, TRUNCATE, OPTIMIZE, SHOW, SYSTEM SYNC REPLICA ON signalbox.* TO signalbox_admin;
GRANT CLUSTER ON *.* TO signalbox_admin;
CREATE USER IF NOT EXISTS signalbox_writer IDENTIFIED WITH sha256_hash BY '<hidden>';
ALTER USER signalbox_writer IDENTIFIED WITH sha256_hash BY '<hidden>';
GRANT signalbox_writer TO signalbox_writer;
CREATE USER IF NOT EXISTS signalbox_analyst IDENTIFIED WITH bcrypt_hash BY '<hidden>';
ALTER USER signalbox_analyst IDENTIFIED WITH bcrypt_hash BY '<hidden>';
GRANT signalbox_analyst TO signalbox_analyst;
