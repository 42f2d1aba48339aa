import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { createStoreClient, type Store } from "../../../collector/store/client.ts";
import { startEngine, type TestEngine } from "../../support/engine.ts";

const ROWS = 200;

describe("a store that is killed in the middle of inserts", () => {
  let engine: TestEngine;
  let store: Store;

  const open = (): Store => createStoreClient({ url: engine.url, caller: "test", requestTimeoutMs: 20_000 });
  const insert = (stream: number, batch: number): Promise<void> =>
    store.insert(
      "raw",
      Array.from({ length: ROWS }, (_, i) => ({ stream, batch, v: i })),
      { deduplicationToken: `${stream}-${batch}` },
    );

  /** Writes one batch after the other until the store is gone. Resolves with the number of the last acknowledged one. */
  const write = async (stream: number, from: number): Promise<number> => {
    for (let batch = from; ; batch++) {
      try {
        await insert(stream, batch);
      } catch {
        return batch - 1;
      }
    }
  };

  beforeAll(async () => {
    engine = await startEngine();
    store = open();
    const tail = "SETTINGS non_replicated_deduplication_window = 1000";
    await store.command(`CREATE TABLE raw (stream UInt8, batch UInt32, v UInt32) ENGINE = MergeTree ORDER BY (stream, batch) ${tail}`);
    await store.command(
      `CREATE TABLE rollup (stream UInt8, n AggregateFunction(count), s AggregateFunction(sum, UInt32))
       ENGINE = AggregatingMergeTree ORDER BY stream ${tail}`,
    );
    await store.command(
      "CREATE MATERIALIZED VIEW raw_rollup TO rollup AS SELECT stream, countState() AS n, sumState(v) AS s FROM raw GROUP BY stream",
    );
  });
  afterAll(async () => {
    await store?.close();
    await engine?.stop();
  });

  it("loses no acknowledged batch, has none in part, and a retry with the same token doubles nothing, in the rollup either", async () => {
    const acked = [0, 0, 0];
    for (let round = 0; round < 3; round++) {
      const writers = acked.map((last, stream) => write(stream, last + 1));
      await sleep(400 + round * 150);
      await engine.kill("SIGKILL");
      const reached = await Promise.all(writers);
      reached.forEach((last, stream) => (acked[stream] = last));
      await store.close();
      await engine.restart();
      store = open();

      const stored = await store.query<{ stream: number; batch: number; n: number }>(
        "SELECT stream, batch, toUInt32(count()) AS n FROM raw GROUP BY stream, batch",
      );
      for (const [stream, last] of acked.entries()) {
        const batches = new Set(stored.filter((row) => row.stream === stream).map((row) => row.batch));
        const lost = Array.from({ length: last }, (_, i) => i + 1).filter((batch) => !batches.has(batch));
        expect({ stream, lost }).toEqual({ stream, lost: [] });
      }
      expect(stored.filter((row) => row.n !== ROWS)).toEqual([]);
    }

    // Whoever got no answer sends again, with the same token.
    for (const [stream, last] of acked.entries()) {
      for (const batch of [last, last + 1, last + 1]) if (batch > 0) await insert(stream, batch);
      acked[stream] = last + 1;
    }
    const counts = await store.query(
      "SELECT stream, toUInt32(count()) AS n, toUInt32(sum(v)) AS s FROM raw GROUP BY stream ORDER BY stream",
    );
    const rolled = await store.query(
      "SELECT stream, toUInt32(countMerge(n)) AS n, toUInt32(sumMerge(s)) AS s FROM rollup GROUP BY stream ORDER BY stream",
    );
    const each = (ROWS * (ROWS - 1)) / 2;
    expect(counts).toEqual(acked.map((last, stream) => ({ stream, n: last * ROWS, s: last * each })));
    expect(rolled).toEqual(counts);
    expect(Math.min(...acked)).toBeGreaterThan(3);
  });

  it("closes cleanly within two seconds of SIGTERM, even while a query runs", async () => {
    const endless = store.query("SELECT count() FROM numbers(100000000000) WHERE NOT ignore(cityHash64(number))").catch(() => "cut");
    await sleep(200);
    const started = performance.now();
    await engine.kill("SIGTERM");
    expect(performance.now() - started).toBeLessThan(2000);
    expect(await endless).toBe("cut");
    await store.close();
    await engine.restart();
    store = open();
    expect(await store.ping()).toBe(true);
  });
});
