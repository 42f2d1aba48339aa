import { join } from "node:path";
import type { Clock } from "../kernel/clock.ts";
import { Lifecycle, type Stoppable } from "../kernel/lifecycle.ts";
import type { Logger } from "../kernel/log.ts";
import type { Store } from "../store/client.ts";
import { createAnchor } from "./anchor/create.ts";
import { openOutbox, type Outbox } from "./anchor/outbox.ts";
import { createStoreAnchor } from "./anchor/store.ts";
import { startCheckpointer } from "./checkpoint/checkpointer.ts";
import { auditDir, outboxDir } from "./checkpoint/files.ts";
import { openCheckpointLog } from "./checkpoint/log.ts";
import { entryIndex, entryLogId } from "./checkpoint/log-reader.ts";
import type { AuditConfig } from "./config.ts";

export interface NotaryOptions {
  readonly dataDir: string;
  /** What the anchors' paths are relative to. */
  readonly baseDir: string;
  /** Where anchors' credentials may be. */
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly config: AuditConfig;
  readonly store: Pick<Store, "insert">;
  readonly clock: Clock;
  readonly logger: Logger;
}

export interface Notary extends Stoppable {
  /** Signs what is durable now and resolves when store and anchors have it, or have failed to take it. */
  run(): Promise<void>;
}

/**
 * Signs what the workers recorded and brings it out of the house. It belongs into the process that starts the workers: next
 * to their spools, whose content it vouches for, and apart from the store, which is what nobody should have to trust.
 * `stop` signs once more, so it comes after the workers have stopped.
 */
export async function startNotary(options: NotaryOptions): Promise<Notary> {
  const { dataDir, baseDir, env, config, store, clock, logger } = options;
  const dir = auditDir(dataDir);
  const log = await openCheckpointLog(dir, clock);
  const anchors = [createStoreAnchor(store), ...config.anchors.map((one) => createAnchor(one, baseDir, env))];
  const outboxes = await Promise.all(anchors.map((anchor) => openOutbox({ anchor, logFile: log.file, dir: outboxDir(dir), logger })));
  const onEntry = (): void => outboxes.forEach((outbox) => outbox.wake());
  const checkpointer = startCheckpointer({ log, spoolRoot: join(dataDir, "spool"), everyMs: config.checkpointMs, logger, onEntry });

  const report = async (): Promise<void> => {
    const { last } = await log.state();
    if (!last) return;
    const at = new Date(clock.nowMs()).toISOString();
    const rows = outboxes.map(({ state }: Outbox) => ({
      at,
      log: entryLogId(last),
      anchor: state.anchor,
      head_idx: entryIndex(last),
      anchored_idx: state.index,
      skipped: state.skipped,
      failures: state.failures,
      last_error: state.lastError,
    }));
    // A figure that could not be stored is told again next time.
    await store.insert("audit_anchors", rows).catch((error: unknown) => logger.debug({ err: error }, "the anchors' figures could not be stored"));
  };
  const reporting = setInterval(() => void report().catch(() => {}), config.checkpointMs);
  reporting.unref();

  const lifecycle = new Lifecycle();
  lifecycle.add("anchors", () => Promise.all(outboxes.map((outbox) => outbox.stop())).then(() => undefined));
  lifecycle.add("checkpoints", () => checkpointer.stop());
  lifecycle.add("figures", () => clearInterval(reporting));
  return {
    async run() {
      await checkpointer.run();
      await Promise.all(outboxes.map((outbox) => outbox.settled()));
      await report();
    },
    stop: () => lifecycle.stop(),
  };
}
