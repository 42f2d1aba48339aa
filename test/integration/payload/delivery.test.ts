import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pino } from "pino";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { silentLogger } from "../../../collector/kernel/log.ts";
import { toRow } from "../../../collector/payload/cipher.ts";
import { startPayloadDelivery, type PayloadDelivery } from "../../../collector/payload/deliver.ts";
import { createStoreClient, type Store } from "../../../collector/store/client.ts";
import type { TestEngine } from "../../support/engine.ts";
import { startMigratedEngine } from "../../support/migrated-engine.ts";
import { freePorts } from "../../support/stack.ts";
import { said } from "../../unit/payload/said.ts";

let engine: TestEngine;
let store: Store;
let root: string;

beforeAll(async () => {
  engine = await startMigratedEngine();
  store = createStoreClient({ url: engine.url, caller: "test" });
});
afterAll(async () => {
  await store?.close();
  await engine?.stop();
});
beforeEach(async () => {
  root = mkdtempSync(join(tmpdir(), "signalbox-payload-delivery-"));
  await store.command("TRUNCATE TABLE payloads");
});

const lines = (...rows: object[]): string => rows.map((row) => `${JSON.stringify(row)}\n`).join("");
function put(slot: number, name: string, text: string): string {
  const dir = join(root, `worker-${slot}`);
  mkdirSync(dir, { recursive: true });
  writeFileSync(join(dir, name), text);
  return join(dir, name);
}
const bodies = async (): Promise<string[]> => (await store.query<{ body: string }>("SELECT body FROM payloads ORDER BY body")).map((row) => row.body);
async function delivering<T>(work: (delivery: PayloadDelivery) => Promise<T>, to: Pick<Store, "insert"> = store, logger = silentLogger): Promise<T> {
  const delivery = startPayloadDelivery({ store: to, root, workers: 1, logger, everyMs: 3_600_000 });
  try {
    return await work(delivery);
  } finally {
    await delivery.stop();
    rmSync(root, { recursive: true, force: true });
  }
}

test("each batch is brought to its table and deleted, and one that is sent again is stored once", async () => {
  const batch = lines(toRow(said("one"), null), toRow(said("two", { seq: 8 }), null));
  const path = put(0, "payloads.1-1-px-1.ndjson", batch);
  put(0, "dropped_payloads.1-2-px-1.ndjson", lines({ producer: "px-1", reason: "no_room", first_at: "2026-01-02T03:04:05.000Z", last_at: "2026-01-02T03:04:06.000Z", payloads: 3 }));
  put(0, "notes.txt", "not a batch");
  await delivering(async (delivery) => {
    await delivery.run();
    expect(readdirSync(join(root, "worker-0"))).toEqual(["notes.txt"]);
    // As after a crash between the insert and the deletion.
    writeFileSync(path, batch);
    await delivery.run();
    expect(existsSync(path)).toBe(false);
  });
  expect(await bodies()).toEqual(["one", "two"]);
  expect(await store.query("SELECT producer, reason, toUInt32(payloads) AS payloads FROM dropped_payloads")).toEqual([{ producer: "px-1", reason: "no_room", payloads: 3 }]);
});

test("while the store is away batches stay, and stopping does not wait for it", async () => {
  const [port] = await freePorts(1);
  const away = createStoreClient({ url: `http://127.0.0.1:${port}`, caller: "test" });
  await delivering(async (delivery) => {
    const path = put(0, "payloads.1-1-px-1.ndjson", lines(toRow(said("kept back"), null)));
    await delivery.run();
    await delivery.stop();
    expect(existsSync(path)).toBe(true);
    await delivering((later) => later.run());
  }, away);
  await away.close();
  expect(await bodies()).toEqual(["kept back"]);
});

test("a batch that the store refuses holds up no other, and nothing of it is in the log", async () => {
  let log = "";
  const logger = pino({ level: "debug" }, { write: (line: string) => void (log += line) });
  await delivering(async (delivery) => {
    const bad = put(0, "payloads.1-1-px-1.ndjson", lines({ ...toRow(said("private words"), null), ts: "private time" }));
    put(0, "payloads.1-2-px-1.ndjson", `${lines(toRow(said("good"), null))}{"body":"private ha\n`);
    await delivery.run();
    expect(readdirSync(join(root, "worker-0"))).toEqual(["payloads.1-1-px-1.ndjson"]);
    expect(existsSync(bad)).toBe(true);
  }, store, logger);
  expect(await bodies()).toEqual(["good"]);
  expect(log).toMatch(/the store answered \w+ \(code \d+\)/);
  expect(log).toContain('"unreadable":1');
  expect(log).not.toContain("private");
});

test("what a slot without a worker left open is delivered, and what a worker has open is left alone", async () => {
  put(0, "payloads.1-1-px-1.open", lines(toRow(said("still open"), null)));
  put(3, "payloads.1-1-px-4.open", `${lines(toRow(said("left"), null))}{"half`);
  await delivering(async (delivery) => {
    await delivery.run();
    expect([readdirSync(join(root, "worker-0")), readdirSync(join(root, "worker-3"))]).toEqual([["payloads.1-1-px-1.open"], []]);
  });
  expect(await bodies()).toEqual(["left"]);
});
