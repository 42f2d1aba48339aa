import { readFileSync } from "node:fs";
import { startOtlpSink } from "./otlp-sink.ts";
import { httpServer } from "./proxy-app.ts";
import { startStack } from "./stack.ts";

/** A proxy in front of one upstream, as a client sees it. */
export interface RunningProxy {
  /** The MCP endpoint of that upstream on the proxy. */
  url: string;
  /** What a client must send with every request, such as `authorization`; empty when its identity is static. */
  headers: Record<string, string>;
  stop(): Promise<void>;
}

export interface BenchProxy extends RunningProxy {
  /** Every process that works for a call, now: their CPU time is added up. */
  pids(): number[];
}

/** For conformance and end-to-end tests: the real role with its workers, where one client may do everything upstream. */
export async function startProxyFor(upstreamUrl: string): Promise<RunningProxy> {
  const sink = await startOtlpSink();
  const stack = await startStack({
    roles: ["proxy"],
    servers: [httpServer(upstreamUrl) as Record<string, unknown>],
    rules: [{ id: "everything", effect: "allow", match: { servers: ["fixture"], methods: ["*"] } }],
    agents: ["tester"],
    config: { collector: { url: sink.url } },
  });
  return {
    url: `${stack.proxyUrl}/mcp/fixture`,
    headers: { authorization: `Bearer ${stack.keys.get("tester") ?? ""}` },
    stop: async () => {
      await stack.stop();
      await sink.stop();
    },
  };
}

/** For the bench: everything on, as in production (token, policy, audit, export), in processes of its own. */
export async function startBenchProxy(upstreamUrl: string): Promise<BenchProxy> {
  const sink = await startOtlpSink();
  const stack = await startStack({
    roles: ["proxy"],
    servers: [httpServer(upstreamUrl, { tools: { small: { effect: "read" }, large: { effect: "read" } } }) as Record<string, unknown>],
    rules: [
      { id: "deny-destructive", effect: "deny", match: { effects: ["destructive"] } },
      { id: "allow-reads", effect: "allow", match: { agents: ["bench"], servers: ["fixture"], effects: ["read"] }, when: "args.limit <= 100" },
    ],
    agents: ["bench"],
    // As the program starts the proxy: the store's many threads would only wake each other up here.
    env: { UV_THREADPOOL_SIZE: "4" },
    // One worker, as there is one pass-through: the unit is a core.
    config: { collector: { url: sink.url }, proxy: { workers: 1 } },
  });
  const primary = stack.roles.get("proxy")?.pid() ?? 0;
  return {
    url: `${stack.proxyUrl}/mcp/fixture`,
    headers: { authorization: `Bearer ${stack.keys.get("bench") ?? ""}` },
    pids: () => [primary, ...childrenOf(primary)],
    stop: async () => {
      await stack.stop();
      await sink.stop();
    },
  };
}

function childrenOf(pid: number): number[] {
  const listed = readFileSync(`/proc/${pid}/task/${pid}/children`, "utf8").trim();
  return listed === "" ? [] : listed.split(" ").map(Number);
}
