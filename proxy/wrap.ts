import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Pool } from "undici";
import { startExporter } from "../collector/audit/exporter.ts";
import { openSpool, type Spool } from "../collector/audit/spool.ts";
import { collectorConfigSchema } from "../collector/config.ts";
import type { CommandContext } from "../collector/kernel/command.ts";
import { SignalboxError } from "../collector/kernel/errors.ts";
import { Lifecycle } from "../collector/kernel/lifecycle.ts";
import type { Logger } from "../collector/kernel/log.ts";
import { proxyConfigSchema, type ProxyConfig } from "./config.ts";
import { controlFiles } from "./control-files.ts";
import type { ControlPlane } from "./control-plane.ts";
import { controlDir, ensureDigestKey, heldDir, readDigestKey, wrapSpoolDir } from "./data-files.ts";
import { createTaskAuthenticator } from "./identity/task-authenticator.ts";
import { loadControlPlane } from "./load-control-plane.ts";
import { createHeldArguments } from "./people/held-arguments.ts";
import { createMatcher } from "./registry/inventory/match.ts";
import { leadsTo, unbridged, type RawServer } from "./registry/inventory/leads-to.ts";
import type { ServerEntry } from "./registry/server-entry.ts";
import { createProxyApp } from "./server.ts";
import { followJournal } from "./state/journal-follower.ts";
import { endpointOf } from "./transport/bridge/endpoint.ts";
import { runBridge, type RunOptions } from "./transport/stdio/run.ts";
import { startStdioHost } from "./upstream/host/host.ts";
import { createUpstreams } from "./upstream/upstreams.ts";
import { watchControlPlane } from "./watch-control-plane.ts";

export interface WrapOptions extends Pick<RunOptions, "input" | "output" | "tell"> {
  readonly command: readonly [string, ...string[]];
  /** The server's name, where the command alone does not tell. */
  readonly server?: string | undefined;
  readonly key?: string | undefined;
}

const DRAIN_MS = 1000;
const EXPORT_MS = 1500;
/** Commands that are wrapped at once, of one data directory. */
const MAX_WRAPPED = 64;

/**
 * Runs one local server under governance with no proxy beside it: the proxy's own app, its host of stdio servers, its spool
 * and its policy in this process, and a client's pipes in front of them.
 */
export async function runWrap(context: CommandContext, options: WrapOptions): Promise<void> {
  const source = context.config();
  const config = { ...source.section("proxy", proxyConfigSchema), publicUrl: undefined };
  const { dataDir } = source;
  const { clock, env } = context;
  const logger = context.logger("wrap");
  const files = controlFiles(source, config);
  const loaded = loadControlPlane(files);
  const { name } = wrappedServer(loaded, options);
  refuseStranger(loaded, config, options.key, clock.nowMs());

  const stopped = context.untilStopped();
  const lifecycle = new Lifecycle();
  try {
    ensureDigestKey(dataDir);
    const control = await followJournal({ dir: controlDir(dataDir), logger });
    lifecycle.add("control state", () => control.stop());
    const inForce = (next: ControlPlane): ControlPlane => Object.freeze({ ...withCommand(next, name, options.command), authenticator: createTaskAuthenticator(next.authenticator, control) });
    let plane = inForce(loaded);
    const watching = watchControlPlane(files, {
      current: loaded,
      onChange: (next) => void (plane = inForce(next)),
      onRefused: (part) => logger.error({ part }, "changed files are not valid; what was in force stays so"),
    });
    lifecycle.add("control plane", () => watching.stop());

    const spool = await openFreeSpool(context, config, logger);
    lifecycle.add("spool", () => spool.stop());
    const exporter = startExporter({ spool, endpoint: source.section("collector", collectorConfigSchema).url, clock, logger });
    lifecycle.add("exporter", () => exporter.stop({ deadlineMs: EXPORT_MS }));

    // Only this user may open what is in it.
    const sockets = await mkdtemp(join(tmpdir(), "signalbox-wrap-"));
    lifecycle.add("sockets", () => rm(sockets, { recursive: true, force: true }));
    const stdioSocket = join(sockets, "stdio.sock");
    const { maxBodyBytes, maxResultBytes } = config;
    const host = await startStdioHost({ socketPath: stdioSocket, registry: () => plane.registry, dataDir, env, clock, logger, maxBodyBytes, maxResultBytes });
    lifecycle.add("stdio host", () => host.stop());
    const upstreams = createUpstreams({ dataDir, env, stdioSocket });
    lifecycle.add("upstreams", () => upstreams.stop());
    const heldArguments = createHeldArguments({ directory: heldDir(dataDir), control, clock, logger });
    lifecycle.add("held arguments", async () => heldArguments.stop());

    const app = createProxyApp({ config, controlPlane: () => plane, control, audit: spool, clock, logger, digestKey: readDigestKey(dataDir), upstreams, heldArguments });
    lifecycle.add("app", () => app.close());
    lifecycle.add("calls", () => app.drain(DRAIN_MS));
    const socketPath = join(sockets, "proxy.sock");
    await app.listen({ path: socketPath });
    const pool = new Pool("http://localhost", { socketPath, connections: null, headersTimeout: 0, bodyTimeout: 0 });
    const endpoint = endpointOf(pool, `/mcp/${name}`, options.key === undefined ? {} : { authorization: `Bearer ${options.key}` });
    lifecycle.add("endpoint", () => endpoint.stop());

    const { input, output, tell } = options;
    await runBridge({ endpoint, input, output, tell, stopped });
  } finally {
    await lifecycle.stop();
  }
}

/** The registry's entry that the command belongs to: what is not registered is not started. */
function wrappedServer({ registry }: ControlPlane, { command, server }: WrapOptions): ServerEntry {
  const [program, ...args] = command;
  const raw: RawServer = unbridged({ command: program, args, env: {}, headers: {}, transport: "stdio", extension: false });
  const matching = createMatcher(registry, []).registered(leadsTo(raw), raw).filter(({ endpoint }) => endpoint.transport === "stdio");
  const chosen = server === undefined ? matching : matching.filter(({ name }) => name === server);
  const [only, another] = chosen;
  if (only === undefined) {
    const what = server === undefined ? "no server of the registry is started by this command" : `the server ${server} of the registry is not started by this command`;
    throw new SignalboxError("E_WRAP_COMMAND", what, { remedy: "register it: `signalbox inventory propose` writes entries for the servers that clients on this machine use" });
  }
  if (another === undefined) return only;
  throw new SignalboxError("E_WRAP_COMMAND", `several servers are started by this command: ${chosen.map(({ name }) => name).join(", ")}`, { remedy: "say which one with --server <name>" });
}

/** With nobody to answer a refusal to, a client would only see its server fail. */
function refuseStranger({ authenticator }: ControlPlane, config: ProxyConfig, key: string | undefined, nowMs: number): void {
  if (key !== undefined || config.anonymousAgent !== undefined || authenticator.authenticate(undefined, undefined, nowMs).ok) return;
  throw new SignalboxError("E_KEY", "no key to call with", { remedy: "make one with `signalbox keys create --agent <name>`, and set SIGNALBOX_KEY or pass --key-file" });
}

/** What the client was told to start, in place of what the registry starts: the same program, with its user's arguments. */
function withCommand(plane: ControlPlane, name: string, [command, ...args]: WrapOptions["command"]): ControlPlane {
  const entry = plane.registry.servers.get(name);
  if (entry?.endpoint.transport !== "stdio") return plane;
  const wrapped: ServerEntry = { ...entry, endpoint: { ...entry.endpoint, command, args }, rollout: [] };
  return { ...plane, registry: { ...plane.registry, servers: new Map(plane.registry.servers).set(name, wrapped) } };
}

/** One of the directories for wrapped commands that no other has open; what the last one could not send is sent from there. */
async function openFreeSpool(context: CommandContext, config: ProxyConfig, logger: Logger): Promise<Spool> {
  const { dataDir } = context.config();
  const letsThrough = Object.values(config.whenAuditUnavailable).includes("continue");
  for (let slot = 0; ; slot++) {
    try {
      return await openSpool({ dir: wrapSpoolDir(dataDir, slot), producerPrefix: "wr", clock: context.clock, logger, maxBytes: config.spoolMaxBytes, letsThrough });
    } catch (error) {
      if (!(error instanceof SignalboxError && error.code === "E_AUDIT_LOCKED") || slot + 1 >= MAX_WRAPPED) throw error;
    }
  }
}
