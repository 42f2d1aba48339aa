import { describe, expect, test } from "vitest";
import { encodeBatch, joinBatch } from "../../../collector/audit/encode-batch.ts";
import { SpanTail } from "../../../collector/audit/span-tail.ts";
import { draft } from "./drafts.ts";
import { spoolIn, tempDir } from "./spools.ts";

const resource = { attributes: [["service.name", "signalbox-proxy"]] as const, scopeName: "mcp-signalbox", scopeVersion: "1" };
const place = (seq: number) => ({ producer: "px-1", seq, prevHash: "0".repeat(64), hash: "1".repeat(64) });

describe("the newest records' spans", () => {
  test("are the bytes that the lines on disk are sent as", async () => {
    const spool = await spoolIn(await tempDir());
    void spool.append(draft(1, { tool: "größe \ud800", errorType: "tool_error", outcome: "tool_error", reason: "why" }));
    void spool.append(draft(2, { upstreamSpanId: "", upstreamStatus: -1, resourceUri: "x".repeat(20_000) }));
    for (let n = 3; n <= 300; n++) void spool.append(draft(n, { agent: `agent-${n % 2}` }));
    await spool.flush();
    for (const [first, last] of [[1, 300], [1, 1], [2, 250], [299, 300]] as const) {
      const lines = await spool.delivery.read(first, { records: last - first + 1, bytes: Infinity });
      const read = await encodeBatch(lines, resource, new AbortController().signal);
      const kept = spool.delivery.encoded(first, last);
      expect(kept && Buffer.compare(joinBatch(kept, resource), read as Uint8Array)).toBe(0);
    }
  });

  test("are let go of when the collector has them, and are bounded when it takes none", () => {
    const tail = new SpanTail();
    const size = 200_000;
    for (let seq = 1; seq <= 150; seq++) tail.add(draft(seq, { resourceUri: "x".repeat(size) }), place(seq));
    expect(tail.range(1, 1)).toBeNull();
    expect(tail.range(150, 150)).toHaveLength(1);
    expect(tail.range(150, 151)).toBeNull();
    tail.dropThrough(150);
    expect(tail.range(150, 150)).toBeNull();
    tail.add(draft(151), place(151));
    expect(tail.range(151, 151)).toHaveLength(1);
  });
});
