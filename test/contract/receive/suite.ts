import { existsSync, readdirSync, readFileSync } from "node:fs";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { encodeProtobuf } from "../../golden/receive/encode-protobuf.ts";
import { startReceiver, type Connection } from "../../integration/receive/support.ts";
import type { Store } from "../../../collector/store/client.ts";

export interface StoreUnderTest extends Connection {
  stop(): Promise<void>;
}

/** A collector in front of a database of its own. */
export interface CollectorUnderTest {
  readonly store: Store;
  post(body: Buffer | string, headers: Readonly<Record<string, string>>): Promise<Response>;
  /** Waits until that many spans were delivered since it was opened, where an answer does not say so. */
  settled?(spans: number): Promise<void>;
  stop(): Promise<void>;
}

const folder = new URL("../../golden/receive/", import.meta.url);
const cases = readdirSync(folder, { withFileTypes: true }).filter((e) => e.isDirectory());

const encodings = {
  JSON: (input: object) => ({ body: JSON.stringify(input), type: "application/json" }),
  protobuf: (input: object) => ({ body: encodeProtobuf(input), type: "application/x-protobuf" }),
};

/**
 * Every golden case through a collector, our receiver or another, and a store: `input.json` is sent in one encoding (`send.json` says how often and
 * with which batch name), then `query.sql` must give `expected.json`. Both encodings share one expectation, and have a database each, whose tables
 * are emptied between the cases.
 */
export function receiveContract(
  name: string,
  start: () => Promise<StoreUnderTest>,
  open: (store: StoreUnderTest, database: string) => Promise<CollectorUnderTest> = startReceiver,
): void {
  describe(name, () => {
    let store: StoreUnderTest;
    beforeAll(async () => {
      store = await start();
    });
    afterAll(() => store.stop());

    describe.each(Object.entries(encodings))("sent as %s", (encoding, encode) => {
      let receiver: CollectorUnderTest;
      let sent = 0;
      beforeAll(async () => {
        receiver = await open(store, `golden_${encoding}`);
      });
      afterEach(() => truncateAll(receiver.store));
      afterAll(() => receiver.stop());

      for (const { name: folderName } of cases) {
        const file = (part: string): URL => new URL(`${folderName}/${part}`, folder);
        it(`stores ${folderName.replaceAll("-", " ")}`, async () => {
          const input = readJson<OtlpRequest>(file("input.json"));
          const { body, type } = encode(input);
          const sends = existsSync(file("send.json")) ? readJson<{ batch?: string }[]>(file("send.json")) : [{}];
          for (const { batch } of sends) {
            const response = await receiver.post(body, { "content-type": type, ...(batch ? { "x-signalbox-batch": batch } : {}) });
            expect([response.status, NO_PARTIAL_SUCCESS.includes(await response.text())]).toEqual([200, true]);
            sent += spansOf(input);
          }
          await receiver.settled?.(sent);
          const rows = await receiver.store.query(readFileSync(file("query.sql"), "utf8"));
          await expect(`${JSON.stringify(rows, null, 2)}\n`).toMatchFileSnapshot(file("expected.json").pathname);
        });
      }
    });
  });
}

async function truncateAll(store: Store): Promise<void> {
  const tables = await store.query<{ name: string }>("SELECT name FROM system.tables WHERE database = currentDatabase() AND engine LIKE '%MergeTree'");
  for (const { name } of tables) await store.command(`TRUNCATE TABLE \`${name}\``);
}

/** What says in either encoding that every span was taken; the real collector writes the empty message too. */
const NO_PARTIAL_SUCCESS = ["", "\n\0", "{}", '{"partialSuccess":{}}'];

interface OtlpRequest {
  resourceSpans?: { scopeSpans?: { spans?: unknown[] }[] }[];
}

function spansOf({ resourceSpans = [] }: OtlpRequest): number {
  return resourceSpans.flatMap((r) => r.scopeSpans ?? []).reduce((sum, scope) => sum + (scope.spans?.length ?? 0), 0);
}

function readJson<T>(url: URL): T {
  return JSON.parse(readFileSync(url, "utf8")) as T;
}
