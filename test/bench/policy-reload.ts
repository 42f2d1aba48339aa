import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { loadControlPlane } from "../../proxy/load-control-plane.ts";
import { watchControlPlane } from "../../proxy/watch-control-plane.ts";
import { asAlice, httpServer, startProxyApp } from "../support/proxy-app.ts";
import { startStubUpstream } from "../support/stub-upstream.ts";
import { waitFor } from "../support/wait.ts";
import { writePolicies, writeRegistry, type PolicySize } from "./policy-files.ts";

export interface ReloadUnderCalls {
  /** From the last file written until the new rules and servers are what calls are decided by. */
  readonly tookMs: number;
  readonly calls: number;
  /** Calls that were answered otherwise than by the rules in force before or after. */
  readonly failed: readonly string[];
  /** Latency while the reload was under way. */
  readonly worstCallMs: number;
}

const callers = 4;

/** Changes one rule and one server, or every one of them, while calls go through the real app, and sees what becomes of the calls. */
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

  const upstream = await startStubUpstream();
  const proxy = await startProxyApp({ servers: [httpServer(upstream.url)], decide: (input) => plane.policies.decide(input) });
  const latencies: { readonly atMs: number; readonly tookMs: number }[] = [];
  const failed: string[] = [];
  let calling = true;
  const call = async (id: number): Promise<void> => {
    const atMs = performance.now();
    const response = await fetch(proxy.url, {
      method: "POST",
      headers: { ...asAlice, "content-type": "application/json", accept: "application/json, text/event-stream" },
      body: JSON.stringify({ jsonrpc: "2.0", id, method: "tools/call", params: { name: "tool-1", arguments: { limit: 1, path: "/data" } } }),
    });
    const text = await response.text();
    if (response.status !== 200 || !text.includes('"done"')) failed.push(`${response.status} ${text.slice(0, 200)}`);
    latencies.push({ atMs, tookMs: performance.now() - atMs });
  };
  const callUntilTold = async (): Promise<void> => {
    for (let id = 1; calling; id++) await call(id);
  };
  const running = Array.from({ length: callers }, callUntilTold);
  try {
    await waitFor("calls under way", () => latencies.length > 100, { everyMs: 5 });
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
    const took = await waitFor("the new rules", () => plane.policies.version !== version && plane.registry.revision !== revision && performance.now() - started, { everyMs: 2, timeoutMs: 20_000 });
    const during = latencies.filter(({ atMs, tookMs }) => atMs + tookMs >= started && atMs <= started + took);
    const settled = latencies.length;
    await waitFor("calls by the new rules", () => latencies.length > settled + 100, { everyMs: 5 });
    return { tookMs: took, calls: latencies.length, failed, worstCallMs: Math.max(...during.map(({ tookMs }) => tookMs)) };
  } finally {
    calling = false;
    await Promise.all(running);
    await proxy.stop();
    await upstream.stop();
    await watch.stop();
    rmSync(dataDir, { recursive: true, force: true });
  }
}
