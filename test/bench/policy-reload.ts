import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { loadControlPlane } from "../../proxy/load-control-plane.ts";
import { watchControlPlane } from "../../proxy/watch-control-plane.ts";
import { startChildServer } from "../support/child-server.ts";
import { asAlice, httpServer, startProxyApp } from "../support/proxy-app.ts";
import { waitFor } from "../support/wait.ts";
import { startLoadProcess } from "./load-process.ts";
import { writePolicies, writeRegistry, type PolicySize } from "./policy-files.ts";

export interface ReloadUnderCalls {
  /** From the last file written until the new rules and servers are what calls are decided by. */
  readonly tookMs: number;
  readonly calls: number;
  /** Why the first call failed that did. */
  readonly fault: string | undefined;
  readonly worstCallMs: number;
}

/** So many callers call again as soon as they are answered. */
const callers = 4;
/** Longer than a reload takes on any machine. */
const callForMs = 30_000;

/**
 * Changes one rule and one server, or every one of them, while calls go through the real app, and sees what becomes of
 * the calls. Callers and upstream have processes of their own: a worker shares its thread with neither.
 */
export async function reloadUnderCalls(size: PolicySize, change: "one" | "all"): Promise<ReloadUnderCalls> {
  const dataDir = mkdtempSync(join(tmpdir(), "signalbox-reload-"));
  const [policyDir, registryDir] = [join(dataDir, "policies"), join(dataDir, "registry")];
  const decideBy = (message: string) => writeFileSync(join(policyDir, "a.yaml"), `rules: [{ id: all, effect: allow, message: ${message} }]\n`);
  writePolicies(policyDir, size);
  writeRegistry(registryDir, size);
  decideBy("before");
  const keysFile = join(dataDir, "keys.yaml");
  writeFileSync(keysFile, "keys: []\n");
  const options = { registryDir, policyDir, keysFile, dataDir };
  let plane = loadControlPlane(options);
  const watch = watchControlPlane(options, { current: plane, onChange: (next) => void (plane = next), onRefused: () => undefined });

  const upstream = await startChildServer(new URL("upstream.ts", import.meta.url));
  let decisions = 0;
  const decide = (input: Parameters<typeof plane.policies.decide>[0]) => {
    decisions++;
    return plane.policies.decide(input);
  };
  const proxy = await startProxyApp({ servers: [httpServer(upstream.url)], decide });
  const load = startLoadProcess();
  try {
    const calling = load.run({ url: proxy.url, headers: asAlice, size: "small", maxCalls: 500_000, maxMs: callForMs, loop: "closed", connections: callers });
    const reported = calling.catch((error: Error) => error);
    await waitFor("calls under way", () => decisions > 500, { everyMs: 5 });
    const { version } = plane.policies;
    const { revision } = plane.registry;
    if (change === "all") {
      writeRegistry(registryDir, { ...size, generation: 1 });
      writePolicies(policyDir, { ...size, generation: 1 });
    } else {
      writeRegistry(registryDir, { ...size, servers: 1, generation: 1 });
    }
    decideBy("after");
    const started = performance.now();
    const tookMs = await waitFor("the new rules", () => plane.policies.version !== version && plane.registry.revision !== revision && performance.now() - started, { everyMs: 2, timeoutMs: 20_000 });
    const settled = decisions;
    await waitFor("calls by the new rules", () => decisions > settled + 100, { everyMs: 5 });
    load.end();
    const report = await reported;
    if (report instanceof Error) return { tookMs, calls: decisions, fault: report.message, worstCallMs: NaN };
    return { tookMs, calls: report.calls, fault: undefined, worstCallMs: report.latencyMs.max };
  } finally {
    load.stop();
    await proxy.stop();
    await upstream.stop();
    await watch.stop();
    rmSync(dataDir, { recursive: true, force: true });
  }
}
