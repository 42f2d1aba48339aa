import { fork, type ChildProcess } from "node:child_process";
import cluster from "node:cluster";
import { availableParallelism } from "node:os";
import { join } from "node:path";
import { auditConfigSchema } from "../collector/audit/config.ts";
import { startNotary } from "../collector/audit/notary.ts";
import type { CommandContext } from "../collector/kernel/command.ts";
import { storeConfigSchema } from "../collector/config.ts";
import { SignalboxError, formatProblem } from "../collector/kernel/errors.ts";
import { Lifecycle } from "../collector/kernel/lifecycle.ts";
import { refuseTakenPort } from "../collector/kernel/ports.ts";
import { payloadsConfigSchema } from "../collector/payload/config.ts";
import { startPayloadDelivery } from "../collector/payload/deliver.ts";
import { payloadsDir } from "../collector/payload/files.ts";
import { encryptingKey } from "../collector/payload/keys.ts";
import { createStoreClient } from "../collector/store/client.ts";
import { ownUrl, proxyConfigSchema, type ProxyConfig } from "./config.ts";
import { controlFiles } from "./control-files.ts";
import { controlDir, ensureDigestKey, readDigestKey } from "./data-files.ts";
import { createTaskActivity } from "./handling/flow/index.ts";
import { openQuarantineStore, quarantineDir, quarantineKey } from "./handling/quarantine-store.ts";
import { loadControlPlane } from "./load-control-plane.ts";
import { builtinRules } from "./policy/builtin.ts";
import { loadPolicies } from "./policy/load-policies.ts";
import { createPublisher, type Publisher } from "./registry/publish.ts";
import { systemActor } from "./state/command.ts";
import { createDeciders } from "./state/deciders.ts";
import { createControlHub, type ControlHub } from "./state/hub.ts";
import { workerPeer } from "./state/peer.ts";
import { createEventPublisher } from "./state/publish-events.ts";
import { Digester } from "./relay/digest.ts";
import { keepRunning, type Kept } from "./supervision.ts";
import { readTls } from "./transport/tls.ts";
import { watchControlPlane } from "./watch-control-plane.ts";

/** What the command line lays over the configuration. */
export type ProxyOverrides = Partial<Pick<ProxyConfig, "host" | "port" | "workers">>;

const STOP_MS = 5000;
/** How often kept results are removed that nobody may see any more. */
const SWEEP_MS = 3_600_000;

/**
 * The proxy's first process: it checks what the workers will be given, starts them and the host of the stdio servers,
 * starts again what ends, and keeps the store informed. No call passes through it.
 */
export async function runPrimary(context: CommandContext, overrides: ProxyOverrides): Promise<void> {
  const source = context.config();
  const config = { ...source.section("proxy", proxyConfigSchema), ...overrides };
  const logger = context.logger("proxy");
  const files = controlFiles(source, config);
  const plane = loadControlPlane(files);
  ensureDigestKey(source.dataDir);
  if (config.tls) readTls(config.tls, source.baseDir);
  await refuseTakenPort("proxy", config.host, config.port);

  const stopped = context.untilStopped();
  const lifecycle = new Lifecycle();
  try {
    const control = await createControlHub({ dir: controlDir(source.dataDir), deciders: createDeciders({ taskClasses: config.taskClasses, externalTasks: config.oauth !== undefined }), clock: context.clock, logger });
    lifecycle.add("control state", () => control.stop());
    // It makes no calls, and remembers for a worker that starts again what the tasks have read.
    const activity = createTaskActivity({ digester: new Digester(readDigestKey(source.dataDir)), control, clock: context.clock });
    lifecycle.add("task activity", async () => activity.stop());
    const quarantine = openQuarantineStore({ dir: quarantineDir(source.dataDir), key: quarantineKey(source.dataDir) });
    const sweeping = setInterval(() => void quarantine.sweep(context.clock.nowMs()).catch((error: unknown) => logger.warn({ err: error }, "expired results could not be removed")), SWEEP_MS);
    lifecycle.add("quarantine", async () => clearInterval(sweeping));
    const env = childEnvironment(source.file, source.dataDir, overrides);
    const entry = process.argv[1] ?? "";
    const stdio = keepRunning({ name: "stdio host", stopMs: STOP_MS, logger, start: () => startStdioHost(entry, { ...context.env, ...env }) });
    lifecycle.add("stdio host", () => stdio.stop());
    await started(stdio);

    await startCheckpoints(context, lifecycle);
    const count = config.workers > 0 ? config.workers : availableParallelism();
    await startPayloads(context, lifecycle, count);
    cluster.setupPrimary({ exec: entry, args: ["proxy", "--role", "worker"], execArgv: process.execArgv });
    const workers = Array.from({ length: count }, (_, slot) =>
      keepRunning({ name: `worker ${slot}`, stopMs: STOP_MS, logger, start: () => startWorker(control, { ...env, SIGNALBOX_SLOT: String(slot) }) }),
    );
    lifecycle.add("workers", () => Promise.all(workers.map((worker) => worker.stop())).then(() => undefined));
    const [first] = await Promise.all(workers.map(started));

    const publisher = publish(context, control);
    lifecycle.add("publisher", () => publisher.stop());
    publisher.registry(plane.registry);
    publisher.policies(policyText(files.policyDir, source.dataDir));
    const watching = watchControlPlane(files, {
      current: plane,
      onChange(next, changed) {
        logger.info({ changed, revision: next.registry.revision, policies: next.policies.version }, "changed files are in force");
        if (changed === "registry") publisher.registry(next.registry);
        if (changed === "policies") publisher.policies(policyText(files.policyDir, source.dataDir));
      },
      onRefused(part, problems) {
        const lines = problems.map(formatProblem);
        logger.error({ part, problems: lines }, "changed files are not valid; what was in force stays so");
        void control.submit({ kind: "files.refuse", part, problems: lines }, systemActor);
      },
    });
    lifecycle.add("control plane", () => watching.stop());

    const port = Number(first?.port ?? config.port);
    context.print(`signalbox: proxy on ${ownUrl({ ...config, port })}/mcp/{server}, ${count} ${count === 1 ? "worker" : "workers"}`);
    context.ready({ url: ownUrl({ ...config, port }), port, workers: count });
    await stopped;
  } finally {
    await lifecycle.stop();
  }
}

async function started(kept: Kept): Promise<Readonly<Record<string, unknown>>> {
  try {
    return await kept.ready;
  } catch (error) {
    throw new SignalboxError("E_PROXY_START", error instanceof Error ? error.message : String(error), { cause: error });
  }
}

/** In a process group of its own: Ctrl-C then reaches it through us, after the workers have ended their calls. */
function startStdioHost(entry: string, env: Readonly<Record<string, string | undefined>>): ChildProcess {
  return fork(entry, ["proxy", "--role", "host"], { env: env as NodeJS.ProcessEnv, detached: true });
}

function startWorker(control: ControlHub, env: Readonly<Record<string, string>>): ChildProcess {
  const worker = cluster.fork(env);
  control.attach(workerPeer(worker));
  return worker.process;
}

/** Children read the same configuration as this process, wherever it came from. */
function childEnvironment(file: string | null, dataDir: string, overrides: ProxyOverrides): Record<string, string> {
  const env: Record<string, string> = { SIGNALBOX_DATA_DIR: dataDir };
  if (file !== null) env.SIGNALBOX_CONFIG = file;
  for (const [name, value] of Object.entries(overrides)) env[`SIGNALBOX_PROXY_${name.toUpperCase()}`] = String(value);
  return env;
}

/** Before the workers, and so stopped after them: what they recorded last is signed as well. */
async function startCheckpoints(context: CommandContext, lifecycle: Lifecycle): Promise<void> {
  const source = context.config();
  const { url, username, password, database } = source.section("store", storeConfigSchema);
  const store = createStoreClient({ url, username, password, database, caller: "proxy/checkpoints" });
  lifecycle.add("store of checkpoints", () => store.close());
  const { dataDir, baseDir } = source;
  const notary = await startNotary({ dataDir, baseDir, env: context.env, config: source.section("audit", auditConfigSchema), store, clock: context.clock, logger: context.logger("checkpoints") });
  lifecycle.add("checkpoints", () => notary.stop());
}

/** Before the workers too: what they wrote down last is delivered. A key that can't be had stops the start here, and not in each worker. */
async function startPayloads(context: CommandContext, lifecycle: Lifecycle, workers: number): Promise<void> {
  const source = context.config();
  const { url, username, password, database } = source.section("store", storeConfigSchema);
  await encryptingKey(source.section("payloads", payloadsConfigSchema), source.baseDir, context.env);
  const store = createStoreClient({ url, username, password, database, caller: "proxy/payloads" });
  lifecycle.add("store of payloads", () => store.close());
  const delivery = startPayloadDelivery({ store, root: payloadsDir(source.dataDir), workers, logger: context.logger("payloads") });
  lifecycle.add("payloads", () => delivery.stop());
}

function publish(context: CommandContext, control: ControlHub): Publisher {
  const { url, username, password, database } = context.config().section("store", storeConfigSchema);
  const store = createStoreClient({ url, username, password, database, caller: "proxy/publish" });
  const logger = context.logger("proxy");
  const publisher = createPublisher({ store, clock: context.clock, logger });
  const events = createEventPublisher({ store, journal: control.journal, cursorFile: join(controlDir(context.config().dataDir), "published.json"), logger });
  control.onEntry(() => events.wake());
  return {
    ...publisher,
    stop: async () => {
      await publisher.stop();
      await events.stop();
      await store.close();
    },
  };
}

/** Read anew, so that version and text are certain to belong together. */
function policyText(directory: string, dataDir: string): { version: string; rules: string } {
  const { set, rules } = loadPolicies(directory, { dataDir });
  return { version: set.version, rules: JSON.stringify([...rules.map((rule) => rule.compiled.rule), ...builtinRules]) };
}
