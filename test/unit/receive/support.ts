import { manualClock } from "../../../collector/kernel/clock.ts";
import { silentLogger } from "../../../collector/kernel/log.ts";
import { createReceiver } from "../../../collector/receive/receiver.ts";
import type { ReceiveLimits } from "../../../collector/receive/limits.ts";
import type { TraceBlock } from "../../../collector/receive/trace-block.ts";
import type { TraceStore } from "../../../collector/receive/trace-store.ts";

export const limits: ReceiveLimits = { maxBodyBytes: 100_000, maxDecompressedBytes: 200_000, maxInFlight: 2 };

export interface FakeStore extends TraceStore {
  readonly inserted: { rows: number; token: string }[];
  /** What the next inserts wait for, or fail with. */
  before: () => Promise<void>;
}

export function fakeStore(): FakeStore {
  const store: FakeStore = {
    inserted: [],
    before: async () => undefined,
    async insert(block: TraceBlock, token: string) {
      await store.before();
      store.inserted.push({ rows: block.rows, token });
    },
    problem: async () => undefined,
  };
  return store;
}

export function receiver(store: TraceStore, overrides: Partial<ReceiveLimits> = {}) {
  return createReceiver({ store, clock: manualClock(0), logger: silentLogger, limits: { ...limits, ...overrides } });
}

export const TRACE_ID = "5b8efff798038103d269b633813fc60c";
export const SPAN_ID = "eee19b7ec3c1b174";

export function span(overrides: object = {}): object {
  return {
    traceId: TRACE_ID,
    spanId: SPAN_ID,
    name: "tools/call search",
    kind: 2,
    startTimeUnixNano: "1790000000000000000",
    endTimeUnixNano: "1790000000005000000",
    ...overrides,
  };
}

export function request(...spans: object[]): object {
  const resource = { attributes: [{ key: "service.name", value: { stringValue: "shop" } }] };
  return { resourceSpans: [{ resource, scopeSpans: [{ scope: { name: "lib", version: "1" }, spans }] }] };
}
