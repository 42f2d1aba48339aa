import { systemClock } from "../../../collector/kernel/clock.ts";
import { silentLogger } from "../../../collector/kernel/log.ts";
import { createReceiver } from "../../../collector/receive/receiver.ts";
import { createTraceStore } from "../../../collector/receive/trace-store.ts";
import { createStoreClient, type Store } from "../../../collector/store/client.ts";
import { migrate } from "../../../collector/store/migrate.ts";

export const migrations = new URL("../../../collector/store/migrations/", import.meta.url);

export interface Connection {
  readonly url: string;
  readonly username: string;
  readonly password: string;
}

/** A receiver that listens, in front of a database of its own in a store that runs. */
export interface TestReceiver {
  readonly url: string;
  readonly store: Store;
  post(body: Buffer | string, headers: Readonly<Record<string, string>>): Promise<Response>;
  stop(): Promise<void>;
}

export async function startReceiver(connection: Connection, database: string, folder = migrations): Promise<TestReceiver> {
  const store = createStoreClient({ ...connection, database, caller: "test" });
  await migrate({ store, folder, logger: silentLogger });
  const traces = createTraceStore({ ...connection, database, maxConnections: 16 });
  const limits = { maxBodyBytes: 16 << 20, maxDecompressedBytes: 64 << 20, maxInFlight: 16 };
  const app = createReceiver({ store: traces, clock: systemClock, logger: silentLogger, limits });
  const url = await app.listen({ port: 0, host: "127.0.0.1" });
  return {
    url,
    store,
    post: (body, headers) => fetch(`${url}/v1/traces`, { method: "POST", body, headers }),
    async stop() {
      await app.close();
      await traces.stop();
      await store.close();
    },
  };
}
