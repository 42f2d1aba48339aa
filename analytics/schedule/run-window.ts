import type { Clock } from "../../collector/kernel/clock.ts";
import type { Logger } from "../../collector/kernel/log.ts";
import type { Store } from "../../collector/store/client.ts";
import type { Finding } from "../findings/finding.ts";
import { writeFindings } from "../findings/write.ts";
import type { Job, Window } from "./job.ts";
import type { JobRun, RunLog } from "./run-log.ts";

export interface RunDeps {
  store: Store;
  log: RunLog;
  clock: Clock;
  logger: Logger;
}

/**
 * Runs one window, writes what it found, then records that it ran: a run that was cut off in between is repeated and
 * finds the same. Never rejects for what the job did; the record says `error`.
 */
export async function runWindow(deps: RunDeps, job: Job, window: Window, nowMs: number): Promise<JobRun & { found: Finding[] }> {
  const { clock, log, logger } = deps;
  const store = countingStore(deps.store);
  const startedMs = clock.nowMs();
  const began = clock.monotonicNs();
  let found: Finding[] = [];
  let error = "";
  try {
    found = (await job.run({ store, window, nowMs, logger })).findings;
    await writeFindings(deps.store, found);
  } catch (cause) {
    error = (cause instanceof Error ? cause.message : String(cause)).slice(0, 2000);
    logger.error({ job: job.name, windowEnd: new Date(window.toMs).toISOString(), error }, "job failed");
  }
  const finishedMs = startedMs + Number((clock.monotonicNs() - began) / 1_000_000n);
  const run: JobRun = {
    job: job.name,
    window,
    startedMs,
    finishedMs,
    status: error === "" ? "ok" : "error",
    error,
    findings: found.length,
    ...store.counted,
  };
  await log.record(run);
  return { ...run, found };
}

/** The same store, which counts what it hands out. */
export function countingStore(store: Store): Store & { readonly counted: { rows: number; bytes: number } } {
  const counted = { rows: 0, bytes: 0 };
  const count = (rows: readonly unknown[]): void => {
    counted.rows += rows.length;
    counted.bytes += JSON.stringify(rows).length;
  };
  return {
    ...store,
    counted,
    async query<T>(...args: Parameters<Store["query"]>) {
      const rows = await store.query<T>(...args);
      count(rows);
      return rows;
    },
    async *stream<T>(...args: Parameters<Store["stream"]>) {
      for await (const rows of store.stream<T>(...args)) {
        count(rows);
        yield rows;
      }
    },
  };
}
