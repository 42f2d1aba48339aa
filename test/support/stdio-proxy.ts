import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { systemClock } from "../../collector/kernel/clock.ts";
import { silentLogger } from "../../collector/kernel/log.ts";
import { serverEntrySchema, type ServerEntry } from "../../proxy/registry/server-entry.ts";
import { startStdioHost, type StdioHostOptions } from "../../proxy/upstream/host/host.ts";
import { startProxyApp, type TestProxy, type TestProxyOptions } from "./proxy-app.ts";

export interface StdioProxy extends TestProxy {
  readonly dir: string;
}

export type StdioServer = { readonly name: string; readonly riskTier?: string } & (
  | { readonly command: string; readonly args?: readonly string[]; readonly maxProcesses?: number; readonly perPrincipal?: boolean; readonly maxMemoryBytes?: number; readonly transport?: "stdio" }
  | { readonly transport: "sse"; readonly url: string; readonly headers?: Readonly<Record<string, string>>; readonly maxSessions?: number }
  | { readonly transport: "streamable-http"; readonly url: string; readonly headers?: Readonly<Record<string, string>>; readonly timeoutMs?: number }
);

/** A proxy whose host of stdio servers and bridges runs in this process. */
export async function startStdioProxy(
  servers: readonly StdioServer[],
  options: Pick<StdioHostOptions, "idleMs" | "probeMs" | "probeTtlMs"> & Pick<TestProxyOptions, "decide"> = {},
): Promise<StdioProxy> {
  const dir = mkdtempSync(join(tmpdir(), "signalbox-"));
  const entries = servers.map(({ name, riskTier = "low", ...endpoint }) =>
    serverEntrySchema.parse({ name, owner: "platform-team", lifecycle: "approved", riskTier, endpoint: { transport: "stdio", ...endpoint } }) as ServerEntry,
  );
  const socketPath = join(dir, "stdio.sock");
  const host = await startStdioHost({
    socketPath,
    registry: () => ({ revision: "r1", servers: new Map(entries.map((entry) => [entry.name, entry])) }),
    dataDir: dir,
    env: process.env,
    clock: systemClock,
    logger: silentLogger,
    maxBodyBytes: 4 * 1024 * 1024,
    maxResultBytes: 32 * 1024 * 1024,
    ...options,
  });
  const proxy = await startProxyApp({ servers: entries, stdioSocket: socketPath, ...options });
  return {
    ...proxy,
    dir,
    stop: async () => {
      await proxy.stop();
      await host.stop();
      rmSync(dir, { recursive: true, force: true });
    },
  };
}
