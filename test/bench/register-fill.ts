import { setImmediate as nextTurn } from "node:timers/promises";
import { link, type ChainHead } from "../../collector/audit/chain.ts";
import { GENESIS_HASH } from "../../collector/record/canonical.ts";
import { ByteWriter } from "../../collector/record/byte-writer.ts";
import type { DraftRecord } from "../../collector/record/call-record.ts";
import { traceRequest } from "../../collector/record/otlp-encode.ts";
import { RecordWriter } from "../../collector/record/record-writer.ts";
import { decode } from "../../collector/receive/decode.ts";
import { createTraceStore } from "../../collector/receive/trace-store.ts";
import { createStoreClient } from "../../collector/store/client.ts";
import { seededRandom, type Random } from "../support/random.ts";

export interface FillOptions {
  readonly storeUrl: string;
  readonly calls: number;
  readonly producers: number;
  /** Unix microseconds of the first call, and from one call to the next. */
  readonly startUs: number;
  readonly stepUs: number;
  readonly onProgress?: (calls: number) => void;
}

const BATCH = 20_000;
/** Records between two turns of the event loop: an idle connection that the store closes must be noticed. */
const SLICE = 500;
const LIMITS = { maxBodyBytes: 1e9, maxDecompressedBytes: 1e9, maxInFlight: 4 };

const servers = ["tickets", "files", "mail", "crm", "billing", "search", "wiki", "deploy"];
const tools = ["read", "list", "write", "search", "delete", "send"];
const agents = Array.from({ length: 20 }, (_, i) => `agent-${i}`);
const hex = (random: Random, digits: number): string =>
  Array.from({ length: digits / 8 }, () => random.int(0, 2 ** 32).toString(16).padStart(8, "0")).join("");

/** An ordinary call of a governed tool: the sizes of its text are what they are in traffic, and so is what repeats. */
function ordinaryDraft(random: Random, receivedUs: number, n: number): DraftRecord {
  const server = random.pick(servers);
  const answeredAfterUs = 300 + random.int(0, 200_000);
  return {
    receivedUs, decidedAfterUs: 90 + random.int(0, 60), forwardedAfterUs: 140 + random.int(0, 60), answeredAfterUs, completedAfterUs: answeredAfterUs + 100, proxyUs: 240 + random.int(0, 100),
    agent: random.pick(agents), principal: "user:ada@example.com", delegation: ["user:ada@example.com"], credentialId: "key-1", clientName: "agent-sdk", clientVersion: "2.1.0", clientAddress: "127.0.0.1",
    protocolVersion: "2026-07-28", transport: "tcp", method: "tools/call", rpcId: String(n), tool: random.pick(tools), prompt: "", resourceUri: "", sessionId: "", taskId: `task-${Math.floor(n / 40)}`, taskClass: "support",
    traceId: hex(random, 32), spanId: hex(random, 16), parentSpanId: "", upstreamSpanId: hex(random, 16), upstreamAddress: `${server}.internal:8443`,
    server, serverVersion: "1.4.2", registryRevision: "r-19c2d7", owner: "team-support", riskTier: "medium", dataDomains: ["customer"], environment: "production", effect: "read", trusted: true,
    decision: "allow", basis: "explicit", policyIds: ["support-may-read"], policyVersion: "p-7d20", reason: "rule", mode: "enforce", wouldBe: "",
    outcome: "ok", errorType: "", rpcCode: "", httpStatus: 200, upstreamStatus: 200, requestBytes: 200 + random.int(0, 500), resultBytes: 100 + random.int(0, 4000), resultDigest: hex(random, 32),
    arguments: [{ path: "/id", digest: hex(random, 32), flowFromSeq: null, flowScore: 0 }, { path: "/fields/*", digest: hex(random, 32), flowFromSeq: null, flowScore: 0 }],
    handling: "pass", handlingFindings: [], approvalId: "", exceptionId: "",
    attempts: 1,
  };
}

/** Fills a migrated store with whole chains, by the code that makes, sends and receives records, without a spool between.
 * What an earlier run left is gone on with. */
export async function fillRegister(options: FillOptions): Promise<void> {
  const { calls, producers, startUs, stepUs } = options;
  const known = await heads(options.storeUrl);
  const store = createTraceStore({ url: options.storeUrl, username: "default", password: "", database: "signalbox", maxConnections: 2 });
  const there = [...known.values()].reduce((sum, head) => sum + head.seq, 0);
  const random = seededRandom(1 + there);
  const chains = Array.from({ length: producers }, (_, i) => `px-bench${i}`).map((producer) => ({
    producer,
    writer: new RecordWriter(),
    head: known.get(producer) ?? { seq: 0, hash: GENESIS_HASH },
  }));
  let inserting: Promise<void> = Promise.resolve();
  try {
    for (let done = there; done < calls; done += BATCH) {
      const out = new ByteWriter(BATCH * 2500);
      const count = Math.min(BATCH, calls - done);
      const chain = chains[(done / BATCH) % producers]!;
      for (let i = 0; i < count; i++) {
        if (i % SLICE === 0) await nextTurn();
        const linked = link(chain.writer, chain.producer, chain.head, ordinaryDraft(random, startUs + (done + i) * stepUs, done + i));
        chain.head = linked.head;
        chain.writer.spans(out, linked.draft, linked.place);
      }
      const resource = { attributes: [["service.name", "signalbox-proxy"], ["service.instance.id", chain.producer]], scopeName: "mcp-signalbox", scopeVersion: "bench" } as const;
      const block = decode(Buffer.concat(traceRequest(resource, [out.written()])), "protobuf", LIMITS);
      await inserting;
      inserting = store.insert(block, `bench ${done}`);
      inserting.catch(() => {});
      options.onProgress?.(done + count);
    }
    await inserting;
  } finally {
    await store.stop();
  }
}

async function heads(storeUrl: string): Promise<Map<string, ChainHead>> {
  const store = createStoreClient({ url: storeUrl, caller: "bench" });
  try {
    const rows = await store.query<{ producer: string; seq: string; hash: string }>(
      `SELECT SpanAttributes['signalbox.audit.producer'] AS producer, toString(max(toUInt64OrZero(SpanAttributes['signalbox.audit.seq']))) AS seq,
              argMax(SpanAttributes['signalbox.audit.hash'], toUInt64OrZero(SpanAttributes['signalbox.audit.seq'])) AS hash
       FROM otel_traces WHERE SpanKind = 'Server' GROUP BY producer`,
    );
    return new Map(rows.map(({ producer, seq, hash }) => [producer, { seq: Number(seq), hash }]));
  } finally {
    await store.close();
  }
}
