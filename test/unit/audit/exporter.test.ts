import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, onTestFinished, test } from "vitest";
import { backoffMs, classify, retryAfterMs, type Reply } from "../../../collector/audit/backoff.ts";
import { startExporter, type Exporter, type ExporterOptions } from "../../../collector/audit/exporter.ts";
import { listSegments } from "../../../collector/audit/layout.ts";
import { createSender, type Sender } from "../../../collector/audit/send.ts";
import { manualClock, systemClock } from "../../../collector/kernel/clock.ts";
import { silentLogger } from "../../../collector/kernel/log.ts";
import { waitFor } from "../../support/wait.ts";
import { decodeRequest } from "../record/otlp-schema.ts";
import { draft } from "./drafts.ts";
import { recordsIn, spoolIn, tempDir } from "./spools.ts";

interface Sent {
  batch: string;
  seqs: number[];
}

/** A collector that answers what it is told to and remembers what it accepted. */
function fakeCollector(answer: (sent: Sent, attempt: number) => Reply | Promise<Reply>): Sender & { sent: Sent[]; accepted: number[] } {
  const sent: Sent[] = [];
  const accepted: number[] = [];
  return {
    sent,
    accepted,
    async send(body, batch, signal) {
      const seqs = decodeRequest(Buffer.concat(body)).spans.filter((s) => s.kind === 2).map((s) => Number(s.attributes["signalbox.audit.seq"]));
      sent.push({ batch, seqs });
      const aborted = new Promise<Reply>((resolve) => signal.addEventListener("abort", () => resolve({ kind: "retry", why: "aborted", afterMs: null })));
      const reply = await Promise.race([answer({ batch, seqs }, sent.length), aborted]);
      if (reply.kind === "accepted") accepted.push(...seqs);
      return reply;
    },
    close: async () => {},
  };
}

const yes: Reply = { kind: "accepted" };
const no: Reply = { kind: "refused", why: "bad" };
const later: Reply = { kind: "retry", why: "down", afterMs: null };

function exporterOf(options: Pick<ExporterOptions, "spool"> & Partial<ExporterOptions>): Exporter {
  const exporter = startExporter({ endpoint: "http://127.0.0.1:1", logger: silentLogger, flushMs: 1, random: () => 0, ...options });
  onTestFinished(() => exporter.stop({ deadlineMs: 0 }));
  return exporter;
}

const acked = (exporter: Exporter, pending = 0) => waitFor("everything to be acknowledged", () => exporter.stats.pending === pending, { everyMs: 2 });

describe("the exporter", () => {
  test("delivers every record once, in order, and deletes what is sealed", async () => {
    const dir = await tempDir();
    const spool = await spoolIn(dir, { segmentBytes: 1 });
    const sender = fakeCollector(() => yes);
    const exporter = exporterOf({ spool, sender, maxBatch: 4 });
    for (let n = 1; n <= 10; n++) await spool.append(draft(n)).durable;
    await acked(exporter);
    expect(sender.accepted).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
    expect(sender.sent.every((s) => s.seqs.length <= 4 && s.batch === `${spool.producer}:${s.seqs[0]}-${s.seqs.at(-1)}`)).toBe(true);
    // They are deleted after the acknowledgement.
    await waitFor("one segment to be left", async () => (await listSegments(dir)).map((s) => s.firstSeq).join() === "10", { everyMs: 2 });
    expect(exporter.stats).toMatchObject({ acked: 10, pendingBytes: 0, oldestPendingMs: 0 });
  });

  test("gathers records for a while, and sends at once when a batch is full", async () => {
    const spool = await spoolIn(await tempDir());
    const sender = fakeCollector(() => yes);
    exporterOf({ spool, sender, maxBatch: 3, flushMs: 60_000 });
    for (const n of [1, 2]) await spool.append(draft(n)).durable;
    expect(sender.sent).toEqual([]);
    await spool.append(draft(3)).durable;
    await waitFor("the full batch", () => sender.sent.length === 1, { everyMs: 2 });
    expect(sender.accepted).toEqual([1, 2, 3]);
  });

  test("tries for ever while the collector is down", async () => {
    const spool = await spoolIn(await tempDir());
    const sender = fakeCollector((_, attempt) => (attempt < 4 ? later : yes));
    const exporter = exporterOf({ spool, sender });
    await spool.append(draft(1)).durable;
    await acked(exporter);
    expect(sender.sent.map((s) => s.batch)).toEqual(Array(4).fill(`${spool.producer}:1-1`));
    expect(exporter.stats.retries).toBe(3);
  });

  test("sends the same bounds again after a crash, though more has been written since", async () => {
    const dir = await tempDir();
    const first = await spoolIn(dir);
    for (const n of [1, 2]) await first.append(draft(n)).durable;
    const unanswered = fakeCollector(() => new Promise<Reply>(() => {}));
    const crashing = exporterOf({ spool: first, sender: unanswered });
    await waitFor("the batch to be on its way", () => unanswered.sent.length === 1, { everyMs: 2 });
    await crashing.stop({ deadlineMs: 0 });
    await first.append(draft(3)).durable;
    await first.stop();

    const second = await spoolIn(dir);
    const sender = fakeCollector(() => yes);
    const exporter = exporterOf({ spool: second, sender });
    await acked(exporter);
    expect(unanswered.sent[0]?.seqs).toEqual([1, 2]);
    expect(sender.sent.map((s) => s.seqs)).toEqual([[1, 2], [3]]);
  });

  test("halves a refused batch until the record at fault stands alone, and sets that one aside", async () => {
    const dir = await tempDir();
    const spool = await spoolIn(dir);
    for (let n = 1; n <= 40; n++) void spool.append(draft(n));
    await spool.flush();
    const sender = fakeCollector(({ seqs }) => (seqs.includes(23) ? no : yes));
    const exporter = exporterOf({ spool, sender });
    await acked(exporter);
    expect(sender.accepted).toEqual(Array.from({ length: 40 }, (_, i) => i + 1).filter((n) => n !== 23));
    expect(exporter.stats.parked).toBe(1);
    const [line, rest] = (await readFile(join(dir, "rejected.ndjson"), "utf8")).split("\n");
    expect(JSON.parse(line ?? "")).toMatchObject({ why: "bad", record: { seq: 23 } });
    expect(rest).toBe("");
  });

  test("stops by its deadline with the collector down and leaves the rest to the next process", async () => {
    const dir = await tempDir();
    const spool = await spoolIn(dir);
    await spool.append(draft(1)).durable;
    const exporter = exporterOf({ spool, sender: fakeCollector(() => new Promise<Reply>(() => {})) });
    await Promise.all([exporter.stop({ deadlineMs: 20 }), exporter.stop()]);
    await spool.stop();
    const next = exporterOf({ spool: await spoolIn(dir), sender: fakeCollector(() => yes) });
    await acked(next);
  });

  test("flushes what was just appended when it stops, without waiting for company", async () => {
    const spool = await spoolIn(await tempDir());
    const sender = fakeCollector(() => yes);
    const exporter = exporterOf({ spool, sender, flushMs: 60_000 });
    void spool.append(draft(1));
    await exporter.stop({ deadlineMs: 60_000 });
    expect(sender.accepted).toEqual([1]);
  });

  test("leaves a segment alone until all of it is acknowledged", async () => {
    const dir = await tempDir();
    const spool = await spoolIn(dir);
    for (const n of [1, 2, 3]) void spool.append(draft(n));
    await spool.flush();
    const exporter = exporterOf({ spool, sender: fakeCollector(({ seqs }) => (seqs[0] === 1 ? yes : later)), maxBatch: 2 });
    await acked(exporter, 1);
    expect((await recordsIn(dir)).map((r) => r.seq)).toEqual([1, 2, 3]);
    expect(spool.stats.pendingBytes).toBeLessThan(2500);
  });
});

describe("what a collector answers", () => {
  const clock = manualClock(0);
  test.each<[number, string | undefined, number, Reply["kind"], number | null]>([
    [200, undefined, 0, "accepted", null],
    [200, undefined, 2, "refused", null],
    [400, undefined, 0, "refused", null],
    [413, undefined, 0, "refused", null],
    [401, undefined, 0, "retry", null],
    [404, undefined, 0, "retry", null],
    [429, "3", 0, "retry", 3000],
    [503, "Thu, 01 Jan 1970 00:00:07 GMT", 0, "retry", 7000],
    [503, "999999", 0, "retry", 60_000],
    [500, "3", 0, "retry", null],
  ])("status %i with retry-after %s and %i rejected spans is %s", (status, after, rejected, kind, afterMs) => {
    const reply = classify(status, after, rejected, "", clock.nowMs());
    expect(reply.kind).toBe(kind);
    if (reply.kind === "retry") expect(reply.afterMs).toBe(afterMs);
  });

  test("back-off doubles from 0.1-0.2 s to 2.5-5 s", () => {
    expect([0, 1, 4, 5, 60].map((n) => [backoffMs(n, 0), backoffMs(n, 1)])).toEqual([[100, 200], [200, 400], [1600, 3200], [2500, 5000], [2500, 5000]]);
    expect(retryAfterMs("soon", 0)).toBeNull();
  });

  test("is read over HTTP: path, headers, partial success, status text, and a collector that is not there", async () => {
    const requests: { url?: string; batch?: unknown; type?: unknown }[] = [];
    const answers: ((response: ServerResponse) => void)[] = [
      (response) => response.end(),
      (response) => response.end(Buffer.from([0x0a, 0x06, 0x08, 0x02, 0x12, 0x02, 0x6e, 0x6f])),
      (response) => response.writeHead(503, { "retry-after": "2" }).end(Buffer.from([0x08, 0x0e, 0x12, 0x04, 0x66, 0x75, 0x6c, 0x6c])),
    ];
    const server = createServer((request: IncomingMessage, response) => {
      requests.push({ url: request.url, batch: request.headers["x-signalbox-batch"], type: request.headers["content-type"] });
      request.resume().on("end", () => answers.shift()?.(response));
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const sender = createSender(`http://127.0.0.1:${(server.address() as AddressInfo).port}/base/`, systemClock);
    const send = () => sender.send([new Uint8Array([1])], "px:1-2", new AbortController().signal);
    expect(await send()).toEqual({ kind: "accepted" });
    expect(await send()).toEqual({ kind: "refused", why: "2 spans were rejected: no" });
    expect(await send()).toEqual({ kind: "retry", why: "status 503: full", afterMs: 2000 });
    expect(requests[0]).toEqual({ url: "/base/v1/traces", batch: "px:1-2", type: "application/x-protobuf" });
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
    expect(await send()).toMatchObject({ kind: "retry", afterMs: null });
    await sender.close();
  });
});
