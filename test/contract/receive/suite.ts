import { existsSync, readdirSync, readFileSync } from "node:fs";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { encodeProtobuf } from "../../golden/receive/encode-protobuf.ts";
import { startReceiver, type Connection } from "../../integration/receive/support.ts";

export interface StoreUnderTest extends Connection {
  stop(): Promise<void>;
}

const folder = new URL("../../golden/receive/", import.meta.url);
const cases = readdirSync(folder, { withFileTypes: true }).filter((e) => e.isDirectory());

const encodings = {
  JSON: (input: object) => ({ body: JSON.stringify(input), type: "application/json" }),
  protobuf: (input: object) => ({ body: encodeProtobuf(input), type: "application/x-protobuf" }),
};

/**
 * Every golden case through the receiver and a store: `input.json` is sent in one encoding (`send.json` says how often and
 * with which batch name), then `query.sql` must give `expected.json`. Both encodings share one expectation.
 */
export function receiveContract(name: string, start: () => Promise<StoreUnderTest>): void {
  describe(name, () => {
    let store: StoreUnderTest;
    beforeAll(async () => {
      store = await start();
    });
    afterAll(() => store.stop());

    for (const { name: folderName } of cases) {
      const file = (part: string): URL => new URL(`${folderName}/${part}`, folder);
      for (const [encoding, encode] of Object.entries(encodings)) {
        it(`stores ${folderName.replaceAll("-", " ")} sent as ${encoding}`, async () => {
          const database = `${folderName}_${encoding}`.replaceAll("-", "_");
          const receiver = await startReceiver(store, database);
          try {
            const { body, type } = encode(readJson<object>(file("input.json")));
            const sends = existsSync(file("send.json")) ? readJson<{ batch?: string }[]>(file("send.json")) : [{}];
            for (const { batch } of sends) {
              const response = await receiver.post(body, { "content-type": type, ...(batch ? { "x-signalbox-batch": batch } : {}) });
              expect([response.status, Buffer.from(await response.arrayBuffer()).length <= 2]).toEqual([200, true]);
            }
            const rows = await receiver.store.query(readFileSync(file("query.sql"), "utf8"));
            await expect(`${JSON.stringify(rows, null, 2)}\n`).toMatchFileSnapshot(file("expected.json").pathname);
          } finally {
            await receiver.stop();
          }
        });
      }
    }
  });
}

function readJson<T>(url: URL): T {
  return JSON.parse(readFileSync(url, "utf8")) as T;
}
