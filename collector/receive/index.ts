export { createReceiver, type ReceiverDeps } from "./receiver.ts";
export { createTraceStore, type TraceStore, type TraceStoreOptions } from "./trace-store.ts";
export { migrateStore, migrateWhenReachable, startCollector, type Collector } from "./run-collector.ts";
export { BATCH_HEADER, isBatchName } from "./token.ts";
export type { ReceiveLimits } from "./limits.ts";
