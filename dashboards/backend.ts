import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { createAlerting, alertsConfigSchema, createNotifiers, loadRules, rulesDir } from "../alerts/index.ts";
import { analyticsConfigSchema, createJobs, createRunLog, createScheduler } from "../analytics/index.ts";
import { storeConfigSchema } from "../collector/config.ts";
import type { CommandContext } from "../collector/kernel/command.ts";
import { Lifecycle, withDeadline } from "../collector/kernel/lifecycle.ts";
import { portError } from "../collector/kernel/ports.ts";
import type { Logger } from "../collector/kernel/log.ts";
import { createStoreClient, type Store } from "../collector/store/client.ts";
import { createConsoleApp } from "./app.ts";
import { dashboardsConfigSchema, readerCredentials } from "./config.ts";
import { scheduleReports } from "./reports/deliver.ts";
import { createRawQuery } from "./sql/raw-query.ts";

/** A supervisor waits this long; a query that runs longer is left to the store, which ends it when the connection goes. */
const stopWithinMs = 2_500;
const jobStopMs = 1_500;

/**
 * Jobs, alerts and console in one process. The console serves at once and says that it waits; jobs and alerts begin when
 * the store has answered and its tables are there. Resolves when it was told to stop and has.
 */
export async function runBackend(context: CommandContext, overrides: { host?: string; port?: number } = {}): Promise<void> {
  const logger = context.logger("backend");
  const source = context.config();
  const config = { ...source.section("dashboards", dashboardsConfigSchema), ...overrides };
  const alertsConfig = source.section("alerts", alertsConfigSchema);
  const analytics = source.section("analytics", analyticsConfigSchema);
  const { url, username, password, database } = source.section("store", storeConfigSchema);
  const reader = readerCredentials(config.reader, context.env);
  const rules = loadRules(rulesDir(source));
  const notifiers = createNotifiers(alertsConfig, context.env);
  const reportsDir = join(source.dataDir, "reports");

  const life = new Lifecycle();
  const store = createStoreClient({ url, username, password, database, caller: "backend" });
  life.add("store client", () => store.close());
  const readOnlyStore = createStoreClient({ url, ...reader, database, caller: "console" });
  life.add("read-only store client", () => readOnlyStore.close());
  const rawQuery = createRawQuery({ url, ...reader, database, maxConcurrent: config.sql.maxConcurrent, timeoutMs: (config.sql.maxSeconds + 5) * 1000 });
  life.add("SQL client", () => rawQuery.stop());

  let ready = false;
  const app = createConsoleApp({ store, readOnlyStore, rawQuery, clock: context.clock, config, logger, reportsDir, storeReady: () => ready });
  life.add("console", () => app.close());
  const address = await app.listen({ host: config.host, port: config.port }).catch((error: unknown) => {
    throw portError("dashboards", config.host, config.port, error);
  });
  const stopping = new AbortController();
  life.add("waiting", () => stopping.abort());

  const start = async (): Promise<void> => {
    await untilReady(readOnlyStore, logger, stopping.signal);
    ready = true;
    const alerting = createAlerting({ store, clock: context.clock, config: { ...alertsConfig, consoleUrl: alertsConfig.consoleUrl ?? address }, logger, notifiers, rules });
    life.add("alerting", () => alerting.stop());
    life.add("alert ticks", every(alertsConfig.evaluateEveryMs, () => alerting.tick(context.clock.nowMs()), logger));
    const scheduler = createScheduler({ store, log: createRunLog(store), clock: context.clock, logger, jobs: createJobs(analytics), maxCatchUpMs: analytics.maxCatchUpMs, stopDeadlineMs: Math.min(analytics.stopDeadlineMs, jobStopMs) });
    life.add("scheduler", () => scheduler.stop().catch((error: unknown) => logger.warn({ error: String(error) }, "a job was cut off; it runs again at the next start")));
    scheduler.start();
    const reports = scheduleReports({ store, clock: context.clock, config: config.reports, dir: reportsDir, logger });
    life.add("reports", () => reports.stop());
  };
  const started = start().catch((error: unknown) => {
    if (!stopping.signal.aborted) throw error;
  });
  logger.info({ url: address }, "console ready");
  context.ready({ url: address });
  await Promise.race([context.untilStopped(), started.then(() => new Promise<never>(() => undefined))]);
  await withDeadline(life.stop(), stopWithinMs, "stopping the backend").catch((error: unknown) => logger.warn({ error: String(error) }, "stopped by the deadline"));
}

/** Until the newest of the tables that pages read is there: migrations run elsewhere. */
async function untilReady(store: Store, logger: Logger, signal: AbortSignal): Promise<void> {
  for (let waitMs = 250; ; waitMs = Math.min(waitMs * 1.5, 3_000)) {
    try {
      await store.query("SELECT 1 FROM alerts_current LIMIT 1");
      return;
    } catch (error) {
      logger.debug({ error: String(error) }, "waiting for the store");
    }
    await sleep(waitMs, undefined, { signal });
  }
}

/** Calls `work` now and then again and again, never twice at once; one failure is logged and the next turn comes. */
function every(ms: number, work: () => Promise<unknown>, logger: Logger): () => Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  let stopped = false;
  let last: Promise<void> = Promise.resolve();
  const turn = (): void => {
    last = work().then(
      () => undefined,
      (error: unknown) => logger.error({ error: String(error) }, "alert evaluation failed"),
    );
    void last.then(() => {
      if (!stopped) timer = setTimeout(turn, ms);
    });
  };
  turn();
  return async () => {
    stopped = true;
    clearTimeout(timer);
    await last;
  };
}
