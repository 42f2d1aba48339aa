import { describe, expect, test } from "vitest";
import { batchOf } from "../../../collector/audit/encode-batch.ts";
import { SpanTail } from "../../../collector/audit/span-tail.ts";
import { draft } from "./drafts.ts";
import { spoolIn, tempDir } from "./spools.ts";

const place = (seq: number) => ({ producer: "px-1", seq, prevHash: "0".repeat(64), hash: seq.toString(16).padStart(64, "0") });
const never = new AbortController().signal;
const all = { records: Infinity, bytes: Infinity };
const add = (tail: SpanTail, seq: number, size: number) => tail.add(draft(seq), place(seq), 10, (out) => out.bytes(Buffer.alloc(size, seq)));

describe("the newest records' spans", () => {
  test("are the batch that the lines on disk make", async () => {
    const spool = await spoolIn(await tempDir());
    void spool.append(draft(1, { tool: "größe \ud800", errorType: "tool_error", outcome: "tool_error", reason: "why" }));
    void spool.append(draft(2, { upstreamSpanId: "", upstreamStatus: -1, resourceUri: "x".repeat(20_000) }));
    for (let n = 3; n <= 300; n++) void spool.append(draft(n, { agent: `agent-${n % 2}` }));
    await spool.flush();
    for (const [first, records] of [[1, 300], [1, 1], [2, 249], [299, 2]] as const) {
      const limits = { records, bytes: Infinity };
      const { spans, ...kept } = (await spool.delivery.next(first, limits))!;
      const { spans: readSpans, ...read } = batchOf(await spool.delivery.read(first, limits))!;
      expect(kept).toEqual(read);
      expect(Buffer.compare(Buffer.concat((await spans(never))!), Buffer.concat((await readSpans(never))!))).toBe(0);
    }
  });

  test("come as many as the limits and what is durable allow, and at least one", () => {
    const tail = new SpanTail();
    for (let seq = 1; seq <= 9; seq++) add(tail, seq, 100_000);
    expect(tail.take(1, 9, all)?.records).toBe(9);
    expect(tail.take(2, 9, { records: 4, bytes: Infinity })).toMatchObject({ firstSeq: 2, records: 4, bytes: 40, last: { seq: 5, hash: place(5).hash } });
    expect(tail.take(2, 3, all)?.records).toBe(2);
    expect(tail.take(2, 9, { records: 4, bytes: 1 })?.records).toBe(1);
    expect(tail.take(2, 1, all)).toBeNull();
    expect(tail.take(10, 99, all)).toBeNull();
  });

  test("are let go of when the collector has them, and are bounded when it takes none", async () => {
    const tail = new SpanTail();
    for (let seq = 1; seq <= 150; seq++) add(tail, seq, 200_000);
    expect(tail.take(1, 150, all)).toBeNull();
    expect(tail.take(150, 150, all)?.records).toBe(1);
    tail.dropThrough(150);
    expect(tail.take(150, 150, all)).toBeNull();
    add(tail, 151, 1);
    const spans = await tail.take(151, 151, all)?.spans(never);
    expect(spans).toEqual([Buffer.alloc(1, 151)]);
  });
});
