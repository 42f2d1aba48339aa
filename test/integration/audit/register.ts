import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { FastifyInstance } from "fastify";
import { startExporter, type Exporter } from "../../../collector/audit/exporter.ts";
import { openSpool, type Spool } from "../../../collector/audit/spool.ts";
import { logFile, outboxDir } from "../../../collector/audit/checkpoint/files.ts";
import { openSpoolReader } from "../../../collector/audit/reader.ts";
import { verify } from "../../../collector/audit/verify.ts";
import type { VerifyReport } from "../../../collector/audit/verify-report.ts";
import { systemClock } from "../../../collector/kernel/clock.ts";
import { silentLogger } from "../../../collector/kernel/log.ts";
import { createReceiver } from "../../../collector/receive/receiver.ts";
import { createTraceStore } from "../../../collector/receive/trace-store.ts";
import { createStoreClient, type Store } from "../../../collector/store/client.ts";
import { startMigratedEngine } from "../../support/migrated-engine.ts";
import { waitFor } from "../../support/wait.ts";

export interface CheckScope {
  sinceMs?: number;
  producer?: string;
  /** The folder of the checkpoint log. */
  audit?: string;
}

/** A store with its receiver, and the way from a spool into it. */
export interface Register {
  readonly store: Store;
  readonly storeUrl: string;
  readonly collectorUrl: string;
  spool(options?: { segmentBytes?: number }): Promise<{ spool: Spool; dir: string }>;
  deliver(spool: Spool): Promise<void>;
  check(dirs?: readonly string[], scope?: CheckScope): Promise<VerifyReport>;
  stop(): Promise<void>;
}

export async function startRegister(): Promise<Register> {
  const engine = await startMigratedEngine();
  const address = { url: engine.url, username: "default", password: "", database: "signalbox" };
  const store = createStoreClient({ ...address, caller: "test" });
  await store.ensureDatabase();
  const traceStore = createTraceStore({ ...address, maxConnections: 4 });
  const limits = { maxBodyBytes: 16e6, maxDecompressedBytes: 64e6, maxInFlight: 8 };
  const receiver: FastifyInstance = createReceiver({ store: traceStore, clock: systemClock, logger: silentLogger, limits });
  const collectorUrl = await receiver.listen({ port: 0, host: "127.0.0.1" });
  const root = await mkdtemp(join(tmpdir(), "signalbox-register-"));
  const open: { stop(): Promise<void> }[] = [];

  return {
    store,
    storeUrl: engine.url,
    collectorUrl,
    async spool({ segmentBytes } = {}) {
      const dir = await mkdtemp(join(root, "spool-"));
      const spool = await openSpool({ dir, producerPrefix: "px", clock: systemClock, logger: silentLogger, maxBytes: 1e9, segmentBytes });
      open.push(spool);
      return { spool, dir };
    },
    async deliver(spool) {
      const exporter: Exporter = startExporter({ spool, endpoint: collectorUrl, logger: silentLogger, flushMs: 1 });
      await spool.flush();
      await waitFor("the collector to have everything", () => exporter.stats.pending === 0, { everyMs: 5 });
      await exporter.stop();
    },
    async check(dirs = [], { sinceMs = null, producer = "", audit } = {}) {
      const spools = await Promise.all(dirs.map(openSpoolReader));
      const checkpoints = audit === undefined ? null : { logFile: logFile(audit), trusted: null, outboxes: outboxDir(audit) };
      return verify({ spools, store, checkpoints, sinceMs, producer, clock: systemClock });
    },
    async stop() {
      for (const item of open) await item.stop();
      await receiver.close();
      await traceStore.stop();
      await store.close();
      await engine.stop();
      await rm(root, { recursive: true, force: true });
    },
  };
}
