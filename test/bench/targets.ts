import { startChildServer, type ChildServer } from "../support/child-server.ts";
import { startBenchProxy } from "../support/proxy.ts";

export interface BenchTarget {
  name: "direct" | "pass-through" | "proxy";
  url: string;
  headers: Record<string, string>;
  /** The processes whose CPU time is the target's: for `direct`, the upstream itself. */
  pids(): number[];
  stop(): Promise<void>;
}

export interface BenchTargets {
  targets: BenchTarget[];
  /** Why the proxy is not among them. */
  proxyFault?: string;
  stop(): Promise<void>;
}

/** Starts one upstream and everything that is measured in front of it. */
export async function startTargets(): Promise<BenchTargets> {
  const upstream = await startChildServer(new URL("upstream.ts", import.meta.url));
  const passthrough = await startChildServer(new URL("passthrough.ts", import.meta.url), ["--target", upstream.url]);
  const targets = [ofChild("direct", upstream), ofChild("pass-through", passthrough)];
  let proxyFault: string | undefined;
  try {
    const proxy = await startBenchProxy(upstream.url);
    const { url, headers } = proxy;
    targets.push({ name: "proxy", url, headers, pids: () => proxy.pids(), stop: () => proxy.stop() });
  } catch (error) {
    proxyFault = error instanceof Error ? error.message : String(error);
  }
  const stop = async () => {
    for (const target of targets.toReversed()) await target.stop();
  };
  return { targets, proxyFault, stop };
}

function ofChild(name: BenchTarget["name"], child: ChildServer): BenchTarget {
  return { name, url: child.url, headers: {}, pids: () => [child.pid], stop: child.stop };
}
