import { mkdirSync } from "node:fs";
import { join } from "node:path";
import type { AddressInfo } from "node:net";
import { startExporter } from "../../collector/audit/exporter.ts";
import { openSpool } from "../../collector/audit/spool.ts";
import type { Clock } from "../../collector/kernel/clock.ts";
import { silentLogger } from "../../collector/kernel/log.ts";
import { createStoreClient } from "../../collector/store/client.ts";
import { proxyConfigSchema } from "../../proxy/config.ts";
import { ensureDigestKey, heldDir, readDigestKey } from "../../proxy/data-files.ts";
import { loadControlPlane } from "../../proxy/load-control-plane.ts";
import { loadPolicies } from "../../proxy/policy/load-policies.ts";
import { createPublisher } from "../../proxy/registry/publish.ts";
import { createHeldArguments } from "../../proxy/people/held-arguments.ts";
import { createProxyApp } from "../../proxy/server.ts";
import { createLocalControl } from "../../proxy/state/local-control.ts";
import { createUpstreams } from "../../proxy/upstream/upstreams.ts";
import type { Stack } from "../support/stack.ts";
import { waitFor } from "../support/wait.ts";

/** The real proxy in this process, which is what lets it have a clock of the past; all else of it is as in a worker. */
export async function startPastProxy(stack: Stack, clock: Clock): Promise<{ url: string; drain(): Promise<number>; stop(): Promise<void> }> {
  const { dir, dataDir } = stack;
  mkdirSync(dataDir, { recursive: true });
  ensureDigestKey(dataDir);
  const files = { registryDir: join(dir, "registry"), policyDir: join(dir, "policies"), keysFile: join(dir, "keys.yaml"), dataDir };
  const plane = loadControlPlane(files);
  const spool = await openSpool({ dir: join(dataDir, "spool/worker-0"), producerPrefix: "px", clock, logger: silentLogger, maxBytes: 1e9 });
  const exporter = startExporter({ spool, endpoint: stack.collectorUrl, clock, logger: silentLogger });
  const upstreams = createUpstreams({ dataDir, env: {}, stdioSocket: "" });
  const config = proxyConfigSchema.parse({ environment: "production" });
  const control = createLocalControl({ clock });
  const heldArguments = createHeldArguments({ directory: heldDir(dataDir), control, clock, logger: silentLogger });
  const app = createProxyApp({ config, controlPlane: () => plane, control, heldArguments, audit: spool, clock, logger: silentLogger, digestKey: readDigestKey(dataDir), upstreams });
  await app.listen({ host: "127.0.0.1", port: Number(new URL(stack.proxyUrl).port) });

  const store = createStoreClient({ url: stack.storeUrl, caller: "demo" });
  const publisher = createPublisher({ store, clock, logger: silentLogger });
  publisher.registry(plane.registry);
  const { set, rules } = loadPolicies(files.policyDir, { dataDir });
  publisher.policies({ version: set.version, rules: JSON.stringify(rules.map((r) => r.compiled.rule)) });
  await waitFor("the registry in the store", async () => {
    const [row] = await store.query<{ n: string }>("SELECT count() AS n FROM registry_servers");
    return Number(row?.n) > 0;
  });

  return {
    url: `http://127.0.0.1:${(app.server.address() as AddressInfo).port}`,
    async drain() {
      await app.drain(2000);
      await spool.flush();
      await waitFor("the collector to acknowledge everything", () => spool.stats.ackedSeq === spool.stats.headSeq);
      return spool.stats.headSeq;
    },
    async stop() {
      await app.close();
      await exporter.stop();
      await spool.stop();
      await upstreams.stop();
      await publisher.stop();
      await store.close();
    },
  };
}
