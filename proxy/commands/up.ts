import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { storeConfigSchema, collectorConfigSchema } from "../../collector/config.ts";
import type { CommandContext, RegisterCommands } from "../../collector/kernel/command.ts";
import type { ConfigSource } from "../../collector/kernel/config.ts";
import { SignalboxError } from "../../collector/kernel/errors.ts";
import { acquireLock } from "../../collector/kernel/lock.ts";
import { refuseTakenPort } from "../../collector/kernel/ports.ts";
import { superviseRole, type Role, type RoleEvent, type RoleSpec } from "../../collector/kernel/supervise.ts";
import { migrateWhenReachable } from "../../collector/receive/run-collector.ts";
import { ownUrl, proxyConfigSchema, type ProxyConfig } from "../config.ts";
import type { ControlPlane } from "../control-plane.ts";
import { controlFiles } from "../control-files.ts";
import { readClientFiles, writeClientFiles } from "../identity/client-files.ts";
import { loadControlPlane } from "../load-control-plane.ts";
import { ensureSampleKeys } from "../sample/sample.ts";
import { welcome } from "./welcome.ts";

/** Each role may take this long to stop before it is killed; the proxy, whose calls are in flight, goes first. */
const STOP_TIMEOUT_MS = { proxy: 3600, backend: 2600, collector: 600, store: 1000 } as const;

export const registerUp: RegisterCommands = (program, context) => {
  program
    .command("up")
    .description("run the whole of Signalbox on this machine: store, collector, proxy and backend, each supervised")
    .addHelpText("after", "\nExample:\n  signalbox up\n  SIGNALBOX_PROXY_PORT=9070 SIGNALBOX_DATA_DIR=/var/lib/signalbox signalbox up\n")
    .action(() => up(context));
};

async function up(context: CommandContext): Promise<void> {
  const config = context.config();
  const proxy = config.section("proxy", proxyConfigSchema);
  const release = await takeDataDir(config.dataDir);
  const roles: Role[] = [];
  try {
    await refuseTakenPorts(config);
    const plane = await prepare(config, proxy);
    context.print("signalbox: starting store, collector, backend and proxy ...");
    const stopped = context.untilStopped();
    const abort = new AbortController();
    void stopped.then(() => abort.abort());
    const failed = startAll(roles, config, context, abort.signal);
    const outcome = await Promise.race([failed, stopped.then(() => "stopped" as const)]);
    if (outcome !== "stopped") {
      const urls = {
        consoleUrl: String(outcome.backend.url ?? ""),
        storeUrl: config.section("store", storeConfigSchema).url,
        collectorUrl: config.section("collector", collectorConfigSchema).url,
      };
      context.print(welcome({ config, proxy, plane, clients: readClientFiles(config.dataDir), ...urls }));
      context.ready({ proxyUrl: ownUrl(proxy), ...urls });
      await stopped;
    }
    context.print("signalbox: stopping ...");
  } finally {
    await stopAll(roles);
    await release();
  }
}

/** One `up` a data directory. Throws E_DIR where it can't be written, E_LOCKED while another process has it. */
async function takeDataDir(dataDir: string): Promise<() => Promise<void>> {
  const what = `the data directory ${dataDir}`;
  try {
    await mkdir(dataDir, { recursive: true });
    return await acquireLock(join(dataDir, "up.lock"), (owner) => {
      const remedy = "stop that one first, or choose another folder with SIGNALBOX_DATA_DIR";
      return new SignalboxError("E_LOCKED", `${what} is already in use by ${owner}`, { remedy });
    });
  } catch (error) {
    if (error instanceof SignalboxError) throw error;
    const remedy = "choose another folder with SIGNALBOX_DATA_DIR, or make this one writable";
    throw new SignalboxError("E_DIR", `${what}: cannot write ${dataDir} (${(error as NodeJS.ErrnoException).code ?? "unknown error"})`, { remedy, cause: error });
  }
}

/** Checks the control plane's files before anything runs; a first start on the sample makes its agents their keys. */
async function prepare(config: ConfigSource, proxy: ProxyConfig): Promise<ControlPlane> {
  const files = controlFiles(config, proxy);
  if (!files.sample) return loadControlPlane(files);
  const { created } = await ensureSampleKeys(config.dataDir);
  const plane = loadControlPlane(files);
  const baseUrl = proxy.publicUrl ?? ownUrl(proxy);
  writeClientFiles(config.dataDir, baseUrl, [...plane.registry.servers.keys()], created);
  return plane;
}

/** Store first, because the rest waits for it; the proxy last, because from then on calls are accepted. */
async function startAll(
  roles: Role[],
  config: ConfigSource,
  context: CommandContext,
  signal: AbortSignal,
): Promise<{ backend: Readonly<Record<string, unknown>> }> {
  const start = (spec: RoleSpec): Promise<Readonly<Record<string, unknown>>> => {
    const role = superviseRole(spec, {
      entry: process.argv[1] ?? "",
      cwd: process.cwd(),
      env: context.env,
      logDir: logDir(config),
      stopTimeoutMs: STOP_TIMEOUT_MS[spec.name as keyof typeof STOP_TIMEOUT_MS],
      onEvent: (event) => report(event, context),
    });
    roles.push(role);
    return role.ready.catch((error: unknown) => {
      throw new SignalboxError("E_ROLE", `${spec.name} did not start: ${error instanceof Error ? error.message : String(error)}`, {
        remedy: `its log: ${join(logDir(config), `${spec.name}.log`)}`,
      });
    });
  };
  const threads = { UV_THREADPOOL_SIZE: "32" };
  const store = config.section("store", storeConfigSchema);
  if (!store.external) await start({ name: "store", args: ["store"], env: threads });
  const { external } = config.section("collector", collectorConfigSchema);
  // Our own collector migrates the store before it listens.
  if (external) await migrateWhenReachable(store, context.clock, context.logger("migrate"), signal);
  else await start({ name: "collector", args: ["collector"] });
  const [backend] = await Promise.all([start({ name: "backend", args: ["backend"] }), start({ name: "proxy", args: ["proxy"] })]);
  return { backend };
}

async function stopAll(roles: readonly Role[]): Promise<void> {
  const named = (name: string): Promise<void> | undefined => roles.find((r) => r.name === name)?.stop();
  await Promise.all([named("proxy"), named("backend")]);
  await named("collector");
  await named("store");
}

function report(event: RoleEvent, context: CommandContext): void {
  if (event.kind === "exited") context.print(`signalbox: ${event.role} stopped unexpectedly (${event.detail})`);
  if (event.kind === "restarting") context.print(`signalbox: ${event.role} starts again ${event.detail}`);
}

const logDir = (config: ConfigSource): string => join(config.dataDir, "logs");

/** Says which port is taken before anything has started, rather than after half of the stack is up. */
async function refuseTakenPorts(config: ConfigSource): Promise<void> {
  const store = config.section("store", storeConfigSchema);
  const collector = config.section("collector", collectorConfigSchema);
  const proxy = config.section("proxy", proxyConfigSchema);
  if (!store.external) await refuseTakenPort("store", store.host, store.port);
  if (!collector.external) await refuseTakenPort("collector", collector.host, collector.port);
  await refuseTakenPort("proxy", proxy.host, proxy.port);
}
