import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { stringify } from "yaml";
import { superviseRole, type Role, type RoleEvent } from "../../collector/kernel/supervise.ts";
import { createKey } from "../../proxy/identity/keys-file.ts";
import type { Role as KeyRole } from "../../proxy/state/command.ts";

export const entry = fileURLToPath(new URL("../../signalbox.ts", import.meta.url));

export type RoleName = "store" | "collector" | "proxy" | "backend";

export interface StackOptions {
  readonly roles: readonly RoleName[];
  /** Registry files by name, as objects. */
  readonly servers: readonly Readonly<Record<string, unknown>>[];
  readonly rules: readonly Readonly<Record<string, unknown>>[];
  readonly agents: readonly string[];
  /** The task class of an agent's key, by agent. */
  readonly taskClasses?: Readonly<Record<string, string>>;
  /** What a key is for besides calling, by agent. */
  readonly keyRoles?: Readonly<Record<string, readonly KeyRole[]>>;
  readonly config?: Readonly<Record<string, Record<string, unknown>>>;
  readonly env?: Readonly<Record<string, string>>;
  /** For one role alone, over `env`. */
  readonly roleEnv?: Readonly<Partial<Record<RoleName, Readonly<Record<string, string>>>>>;
  readonly onEvent?: (event: RoleEvent) => void;
  readonly dir?: string;
  /** store, collector, proxy, console; free ones by default. */
  readonly ports?: readonly [number, number, number, number] | undefined;
}

/** The real roles as processes of their own, on free ports and a folder that goes away with them. */
export interface Stack {
  readonly dir: string;
  readonly dataDir: string;
  readonly configFile: string;
  readonly storeUrl: string;
  readonly collectorUrl: string;
  readonly proxyUrl: string;
  readonly consoleUrl: string;
  /** What an agent sends as its credential. */
  readonly keys: ReadonlyMap<string, string>;
  readonly roles: ReadonlyMap<RoleName, Role>;
  /** Starts a role that was not among the first. */
  start(role: RoleName): Promise<void>;
  /** kill -9 of a role with all its workers, in the middle of whatever they do; its supervisor starts it again. */
  kill(role: RoleName): void;
  stop(options?: { keep?: boolean }): Promise<void>;
}

export async function startStack(options: StackOptions): Promise<Stack> {
  const dir = options.dir ?? mkdtempSync(join(tmpdir(), "signalbox-"));
  const [store, collector, proxy, dashboards] = options.ports ?? (await freePorts(4));
  const config = {
    dataDir: "data",
    ...options.config,
    store: { port: store, ...options.config?.store },
    collector: { port: collector, ...options.config?.collector },
    proxy: { port: proxy, registry: "registry", policies: "policies", keys: "keys.yaml", ...options.config?.proxy },
    dashboards: { port: dashboards, ...options.config?.dashboards },
  };
  const configFile = join(dir, "signalbox.yaml");
  writeFileSync(configFile, stringify(config));
  for (const folder of ["registry", "policies"]) mkdirSync(join(dir, folder), { recursive: true });
  for (const server of options.servers) writeFileSync(join(dir, "registry", `${String(server.name)}.yaml`), stringify(server));
  writeFileSync(join(dir, "policies", "rules.yaml"), stringify({ rules: options.rules }));
  const made = options.agents.map((agent) => ({ agent, ...createKey({ agent, principal: `${agent}@example.com`, taskClass: options.taskClasses?.[agent], roles: options.keyRoles?.[agent], nowMs: 0 }) }));
  writeFileSync(join(dir, "keys.yaml"), stringify({ keys: made.map((m) => m.entry) }), { mode: 0o600 });

  const roles = new Map<RoleName, Role>();
  const start = async (name: RoleName): Promise<void> => {
    const role = superviseRole(
      { name, args: ["--config", configFile, name], env: { UV_THREADPOOL_SIZE: "32", ...options.env, ...options.roleEnv?.[name] } },
      { entry, cwd: dir, env: process.env, logDir: join(dir, "logs"), stopTimeoutMs: 5000, onEvent: options.onEvent ?? (() => undefined) },
    );
    roles.set(name, role);
    await role.ready;
  };
  const stop = async ({ keep = false } = {}): Promise<void> => {
    for (const name of ["proxy", "backend", "collector", "store"] as const) await roles.get(name)?.stop();
    if (!keep) rmSync(dir, { recursive: true, force: true });
  };
  try {
    for (const name of options.roles) await start(name);
  } catch (error) {
    await stop({ keep: true });
    throw error;
  }
  return {
    dir,
    dataDir: join(dir, "data"),
    configFile,
    storeUrl: `http://127.0.0.1:${store}`,
    collectorUrl: `http://127.0.0.1:${collector}`,
    proxyUrl: `http://127.0.0.1:${proxy}`,
    consoleUrl: `http://127.0.0.1:${dashboards}`,
    keys: new Map(made.map((m) => [m.agent, m.key])),
    roles,
    start,
    kill(name) {
      const pid = roles.get(name)?.pid();
      // The role leads a process group of its own, and its workers are in it.
      if (pid !== undefined) process.kill(-pid, "SIGKILL");
    },
    stop,
  };
}

/** Ports that were free a moment ago, all held at once so that they differ. */
export async function freePorts(count: number): Promise<number[]> {
  const servers = Array.from({ length: count }, () => createServer());
  await Promise.all(servers.map((s) => new Promise<void>((resolve) => s.listen(0, "127.0.0.1", resolve))));
  const ports = servers.map((s) => (s.address() as AddressInfo).port);
  await Promise.all(servers.map((s) => new Promise((resolve) => s.close(resolve))));
  return ports;
}
