import { spawn, type ChildProcess } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { entry, freePorts } from "./stack.ts";
import { waitFor } from "./wait.ts";

/** `signalbox up` in an empty folder on free ports, as a person starts it. */
export interface RunningUp {
  readonly child: ChildProcess;
  readonly env: Record<string, string>;
  readonly proxyUrl: string;
  readonly storeUrl: string;
  readonly consoleUrl: string;
  output(): string;
  /** The Authorization header from the client configuration that the first start wrote for an agent. */
  authorization(agent: string): string;
  /** Ctrl-C; answers the exit code and how long it took. */
  interrupt(): Promise<{ code: number | null; ms: number }>;
}

export async function upEnvironment(): Promise<Record<string, string>> {
  const [store, collector, proxy, dashboards] = await freePorts(4);
  return {
    SIGNALBOX_STORE_PORT: String(store),
    SIGNALBOX_COLLECTOR_PORT: String(collector),
    SIGNALBOX_PROXY_PORT: String(proxy),
    SIGNALBOX_DASHBOARDS_PORT: String(dashboards),
  };
}

export function spawnUp(cwd: string, env: Record<string, string>): { child: ChildProcess; output: () => string; exited: Promise<number | null> } {
  let output = "";
  const child = spawn(process.execPath, [entry, "up"], { cwd, env: { ...process.env, ...env }, stdio: ["ignore", "pipe", "pipe"] });
  for (const stream of [child.stdout, child.stderr]) stream?.on("data", (chunk: Buffer) => void (output += chunk.toString()));
  const exited = new Promise<number | null>((resolve) => child.once("close", resolve));
  return { child, output: () => output, exited };
}

export async function startUp(cwd: string, env: Record<string, string>): Promise<RunningUp> {
  const { child, output, exited } = spawnUp(cwd, env);
  await waitFor(
    "the welcome",
    () => {
      if (child.exitCode !== null) throw new Error(output());
      return output().includes("Ctrl-C stops everything.");
    },
    { timeoutMs: 60_000 },
  );
  return {
    child,
    env,
    proxyUrl: `http://127.0.0.1:${env.SIGNALBOX_PROXY_PORT}`,
    storeUrl: `http://127.0.0.1:${env.SIGNALBOX_STORE_PORT}`,
    consoleUrl: `http://127.0.0.1:${env.SIGNALBOX_DASHBOARDS_PORT}`,
    output,
    authorization(agent) {
      const config = JSON.parse(readFileSync(join(cwd, ".signalbox/clients", `${agent}.json`), "utf8")) as {
        mcpServers: Record<string, { headers: { Authorization: string } }>;
      };
      return Object.values(config.mcpServers)[0]?.headers.Authorization ?? "";
    },
    async interrupt() {
      const started = performance.now();
      child.kill("SIGINT");
      const code = await exited;
      return { code, ms: performance.now() - started };
    },
  };
}
