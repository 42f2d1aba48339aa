import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { splitStatements } from "../../../collector/store/sql-file.ts";
import { startEngine, type TestEngine } from "../../support/engine.ts";
import { freePorts } from "../../support/stack.ts";
import { auditBatch, TOTALS, totalsOf, type Batch } from "./spans.ts";
import { migrations, startReceiver, type TestReceiver } from "./support.ts";

const connection = (engine: TestEngine) => ({ url: engine.url, username: "default", password: "" });

async function send(receiver: TestReceiver, { name, body }: Batch): Promise<number> {
  const response = await receiver.post(body, { "content-type": "application/x-protobuf", "x-signalbox-batch": name });
  await response.arrayBuffer();
  return response.status;
}

describe("the tables and views", () => {
  let engine: TestEngine;
  let receiver: TestReceiver;
  beforeAll(async () => {
    engine = await startEngine();
    receiver = await startReceiver(connection(engine), "signalbox");
  });
  afterAll(async () => {
    await receiver.stop();
    await engine.stop();
  });

  it("may be created a second time", async () => {
    for (const file of readdirSync(migrations).sort()) {
      for (const statement of splitStatements(readFileSync(new URL(file, migrations), "utf8"))) {
        await expect(receiver.store.command(statement)).resolves.toBeUndefined();
      }
    }
  });

  it("derive calls by one text, written twice", async () => {
    const [row] = await receiver.store.query<{ same: boolean }>(
      "SELECT uniqExact(as_select) = 1 AND count() = 2 AS same FROM system.tables WHERE database = currentDatabase() AND name IN ('calls_mv', 'calls_from_spans')",
    );
    expect(Boolean(row?.same)).toBe(true);
  });

  it("hold the same calls that the spans give when they are derived again", async () => {
    expect(await send(receiver, auditBatch("px-views", 1, 300))).toBe(200);
    const differ = (a: string, b: string) => `(SELECT count() FROM (SELECT * FROM ${a} EXCEPT SELECT * FROM ${b}))`;
    const [row] = await receiver.store.query(
      `SELECT ${differ("calls", "calls_from_spans")} AS only_calls, ${differ("calls_from_spans", "calls")} AS only_spans, count() AS calls FROM calls`,
    );
    expect(row).toEqual({ only_calls: "0", only_spans: "0", calls: "300" });
  });

  it("hold every span of requests that come at once", async () => {
    const batches = Array.from({ length: 40 }, (_, i) => auditBatch("px-crowd", i * 25 + 1, (i + 1) * 25));
    const senders = Array.from({ length: 8 }, async () => {
      for (let batch = batches.pop(); batch !== undefined; batch = batches.pop()) expect(await send(receiver, batch)).toBe(200);
    });
    await Promise.all(senders);
    const rows = await receiver.store.query("SELECT count() AS calls, uniqExact(seq) AS distinct_calls FROM calls WHERE producer = 'px-crowd'");
    expect(rows).toEqual([{ calls: "1000", distinct_calls: "1000" }]);
  });

  it("name the later of two alert transitions of one millisecond as the current one", async () => {
    const at = "2026-01-01T00:00:00.000Z";
    const event = { alert_id: "a1", rule_id: "r", rule_version: 1, at, starts_at: at, title: "t" };
    await receiver.store.insert("alert_events", [{ ...event, state: "pending" }, { ...event, state: "firing", previous_state: "pending" }]);
    const rows = await receiver.store.query<{ state: string }>("SELECT state, previous_state, title, ends_at FROM alerts_current");
    expect(rows).toEqual([{ state: "firing", previous_state: "pending", title: "t", ends_at: null }]);
  });
});

describe("a store from before a record could be of many attempts", () => {
  it("counts what it has as one each and goes on from there; a batch that comes again, also after the next start, is known", async () => {
    const [port = 0] = await freePorts(1);
    const engine = await startEngine({ port });
    const folder = mkdtempSync(join(tmpdir(), "signalbox-migrations-"));
    for (const file of readdirSync(migrations)) if (file < "0010") cpSync(new URL(file, migrations), join(folder, file));
    const before = await startReceiver(connection(engine), "signalbox", pathToFileURL(`${folder}/`));
    const [first, second] = [auditBatch("px-old", 1, 10), auditBatch("px-new", 1, 10)];
    expect(await send(before, first)).toBe(200);
    await before.stop();

    const receiver = await startReceiver(connection(engine), "signalbox");
    try {
      for (const batch of [first, second, second]) expect(await send(receiver, batch)).toBe(200);
      await engine.kill("SIGKILL");
      await engine.restart();
      for (const batch of [first, second]) expect(await send(receiver, batch)).toBe(200);
      const [totals] = await receiver.store.query(TOTALS);
      expect(totals).toEqual(totalsOf(20));
      expect(await receiver.store.query("SELECT sum(attempts) AS stored, (SELECT sum(attempts) FROM calls_from_spans) AS derived FROM calls")).toEqual([{ stored: "20", derived: "20" }]);
    } finally {
      await receiver.stop();
      await engine.stop();
      rmSync(folder, { recursive: true });
    }
  });
});

describe("kill -9 of the store in the middle of inserts", () => {
  it("loses and doubles nothing, in spans, calls and rollups", async () => {
    const [port = 0] = await freePorts(1);
    const engine = await startEngine({ port });
    const receiver = await startReceiver(connection(engine), "signalbox");
    const perBatch = 100;
    const batches = Array.from({ length: 30 }, (_, i) => auditBatch("px-kill", i * perBatch + 1, (i + 1) * perBatch));
    const seen = { refused: 0 };
    let acknowledged = 0;
    let next = 0;
    // Two senders that repeat each batch until it is acknowledged, as the spool's exporter does.
    const sender = async (): Promise<void> => {
      for (let batch = batches[next++]; batch !== undefined; batch = batches[next++]) {
        while ((await send(receiver, batch)) !== 200) {
          seen.refused++;
          await running;
        }
        acknowledged++;
      }
    };
    let running: Promise<void> = Promise.resolve();
    try {
      const senders = Promise.all([sender(), sender()]);
      for (const after of [4, 12, 20]) {
        await expect.poll(() => acknowledged, { timeout: 30_000, interval: 2 }).toBeGreaterThanOrEqual(after);
        running = engine.kill("SIGKILL").then(() => engine.restart());
        await running;
      }
      await senders;
      const [totals] = await receiver.store.query(TOTALS);
      expect(totals).toEqual(totalsOf(batches.length * perBatch));
      expect(seen.refused).toBeGreaterThan(0);
    } finally {
      await receiver.stop();
      await engine.stop();
    }
  });
});
