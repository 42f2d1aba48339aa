import cluster from "node:cluster";
import type { Server as TlsServer } from "node:tls";
import type { AddressInfo } from "node:net";
import { startExporter } from "../collector/audit/exporter.ts";
import { openSpool } from "../collector/audit/spool.ts";
import { collectorConfigSchema } from "../collector/config.ts";
import type { CommandContext } from "../collector/kernel/command.ts";
import { payloadsConfigSchema } from "../collector/payload/config.ts";
import { workerPayloadsDir } from "../collector/payload/files.ts";
import { encryptingKey } from "../collector/payload/keys.ts";
import { openPayloadSpool, type PayloadSpool } from "../collector/payload/spool.ts";
import type { Logger } from "../collector/kernel/log.ts";
import { Lifecycle } from "../collector/kernel/lifecycle.ts";
import { proxyConfigSchema } from "./config.ts";
import { controlFiles } from "./control-files.ts";
import type { ControlPlane } from "./control-plane.ts";
import { heldDir, readDigestKey, stdioSocketPath, workerSocketPath, workerSpoolDir } from "./data-files.ts";
import { loadControlPlane } from "./load-control-plane.ts";
import { createResourceServer } from "./identity/oauth/resource-server.ts";
import { createTaskAuthenticator } from "./identity/task-authenticator.ts";
import { openQuarantineStore, quarantineDir, quarantineKey } from "./handling/quarantine-store.ts";
import { createHeldArguments } from "./people/held-arguments.ts";
import { createProxyApp } from "./server.ts";
import { primaryPeer } from "./state/peer.ts";
import { createControlReplica } from "./state/replica.ts";
import { followTls, readTls } from "./transport/tls.ts";
import { createUpstreamCredentials } from "./upstream/credentials/credentials.ts";
import { createUpstreams } from "./upstream/upstreams.ts";
import { watchControlPlane } from "./watch-control-plane.ts";

/** Calls under way may take so long to end by themselves once the worker is told to stop. */
const DRAIN_MS = 2000;
/** A worker that hangs in stopping is gone after this all the same. */
const EXIT_MS = 3500;
/** For sending what is left; the rest is sent by the next process that opens the spool. */
const EXPORT_MS = 500;

/**
 * One worker: its own spool and exporter, its own view of the control plane's files, and the shared port. The slot names
 * the spool and stays with the worker's successor, so that no record waits for a process that never comes back.
 */
export async function runWorker(context: CommandContext, slot: number): Promise<void> {
  // Without this a cluster's worker exits on the spot when its primary is gone, with calls under way.
  if (cluster.worker) cluster.worker.exitedAfterDisconnect = true;
  const source = context.config();
  const { dataDir } = source;
  const config = source.section("proxy", proxyConfigSchema);
  const collector = source.section("collector", collectorConfigSchema);
  const logger = context.logger(`proxy-${slot}`);
  const { clock, env } = context;
  const stopped = context.untilStopped();
  const lifecycle = new Lifecycle();
  try {
    const files = controlFiles(source, config);
    const control = createControlReplica({ primary: primaryPeer() });
    const loaded = loadControlPlane(files);
    await control.ready;
    const withTasks = (next: ControlPlane): ControlPlane => Object.freeze({ ...next, authenticator: createTaskAuthenticator(next.authenticator, control) });
    let plane = withTasks(loaded);
    const watching = watchControlPlane(files, {
      current: loaded,
      onChange: (next) => void (plane = withTasks(next)),
      // The primary watches the same files and tells people about them; once is enough.
      onRefused: (part) => logger.debug({ part }, "a changed file is not valid; what was in force stays so"),
    });
    lifecycle.add("control plane", () => watching.stop());

    const spool = await openSpool({ dir: workerSpoolDir(dataDir, slot), producerPrefix: "px", clock, logger, maxBytes: config.spoolMaxBytes, letsThrough: Object.values(config.whenAuditUnavailable).includes("continue") });
    lifecycle.add("spool", () => spool.stop());
    // After the spool, whose lock says that the slot's last worker is gone.
    const payloads = await openWorkerPayloads(context, slot, spool.producer, logger);
    lifecycle.add("payloads", () => payloads.stop());
    const exporter = startExporter({ spool, endpoint: collector.url, clock, logger });
    lifecycle.add("exporter", () => exporter.stop({ deadlineMs: EXPORT_MS }));
    const upstreams = createUpstreams({ dataDir, env, stdioSocket: stdioSocketPath(dataDir) });
    lifecycle.add("upstreams", () => upstreams.stop());
    const credentials = createUpstreamCredentials({ env, baseDir: source.baseDir, clock });
    lifecycle.add("upstream credentials", () => credentials.stop());

    const quarantine = openQuarantineStore({ dir: quarantineDir(dataDir), key: quarantineKey(dataDir) });
    const heldArguments = createHeldArguments({ directory: heldDir(dataDir), control, clock, logger });
    lifecycle.add("held arguments", async () => heldArguments.stop());

    const { oauth, tls } = config;
    const resourceServer = oauth && ((publicUrl: () => string) => createResourceServer({ config: oauth, publicUrl, control, clock, logger, env, baseDir: source.baseDir }));
    const app = createProxyApp({ config, controlPlane: () => plane, control, audit: spool, clock, logger, digestKey: readDigestKey(dataDir), upstreams, credentials, heldArguments, quarantine, payloads, ...(tls ? { tls: readTls(tls, source.baseDir) } : {}), ssePeers: { slot: String(slot), socketOf: (other) => workerSocketPath(dataDir, other) }, ...(resourceServer ? { resourceServer } : {}) });
    lifecycle.add("app", () => app.close());
    lifecycle.add("calls", () => app.drain(DRAIN_MS));
    if (tls) {
      const following = followTls({ config: tls, baseDir: source.baseDir, server: app.server as unknown as TlsServer, logger });
      lifecycle.add("TLS files", () => following.stop());
    }
    await app.listen({ host: config.host, port: config.port });
    context.ready({ port: (app.server.address() as AddressInfo).port });
    await stopped;
  } finally {
    setTimeout(() => process.exit(1), EXIT_MS).unref();
    await lifecycle.stop();
  }
}

async function openWorkerPayloads(context: CommandContext, slot: number, producer: string, logger: Logger): Promise<PayloadSpool> {
  const source = context.config();
  const config = source.section("payloads", payloadsConfigSchema);
  const key = await encryptingKey(config, source.baseDir, context.env);
  return openPayloadSpool({ ...config, dir: workerPayloadsDir(source.dataDir, slot), producer, key, clock: context.clock, logger });
}
