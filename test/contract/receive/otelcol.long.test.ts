import { describe, expect, it } from "vitest";
import { silentLogger } from "../../../collector/kernel/log.ts";
import { createStoreClient } from "../../../collector/store/client.ts";
import { migrate } from "../../../collector/store/migrate.ts";
import { migrations } from "../../integration/receive/support.ts";
import { startEngine } from "../../support/engine.ts";
import { noOtelcol, startOtelcol } from "../../support/otelcol.ts";
import { waitFor } from "../../support/wait.ts";
import { receiveContract, type CollectorUnderTest, type StoreUnderTest } from "./suite.ts";

if (noOtelcol === undefined) {
  receiveContract(
    "the embedded store behind the real collector",
    async () => {
      const engine = await startEngine();
      return { url: engine.url, username: "default", password: "", stop: () => engine.stop() };
    },
    openOtelcol,
  );
} else {
  process.stderr.write(`skipped the golden cases through the real collector: ${noOtelcol}\n`);
  describe("the real collector", () => {
    it.skip(`stores the golden cases (skipped: ${noOtelcol})`, () => undefined);
  });
}

async function openOtelcol(connection: StoreUnderTest, database: string): Promise<CollectorUnderTest> {
  const store = createStoreClient({ ...connection, database, caller: "test" });
  await migrate({ store, folder: migrations, logger: silentLogger });
  const otelcol = await startOtelcol({ ...connection, database });
  return {
    store,
    post: (body, headers) => fetch(`${otelcol.auditUrl}/v1/traces`, { method: "POST", body, headers }),
    async settled(spans) {
      if (spans === 0) return;
      await waitFor(`${spans} spans to be delivered`, async () => (await otelcol.delivered()) >= spans);
      expect(await otelcol.delivered()).toBe(spans);
    },
    async stop() {
      await otelcol.stop();
      await store.close();
    },
  };
}
