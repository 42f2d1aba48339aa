export { collectorConfigSchema, storeConfigSchema, type CollectorConfig, type StoreConfig } from "./config.ts";
export { callId, callRecordSchema, type ArgumentLeaf, type CallRecord, type DraftRecord } from "./record/call-record.ts";
export { createReceiver, createTraceStore, migrateStore, startCollector, type Collector, type ReceiveLimits, type TraceStore } from "./receive/index.ts";
export { createStoreClient, type Store, type StoreClientOptions } from "./store/client.ts";
export { loadSql, parseSql, type SqlFile, type SqlParams } from "./store/sql-file.ts";
export type { AuditLog, Intent } from "./audit/audit-log.ts";
