import type { Clock } from "../../collector/kernel/clock.ts";
import { SignalboxError } from "../../collector/kernel/errors.ts";
import type { Logger } from "../../collector/kernel/log.ts";
import type { Store } from "../../collector/store/client.ts";
import type { Job } from "../schedule/job.ts";
import { runJobsOver, type Progress } from "../schedule/replay.ts";
import type { Incident } from "./labels.ts";
import { scoreBacktest, type BacktestScore } from "./score.ts";

export interface Backtest extends BacktestScore {
  readonly fromMs: number;
  readonly toMs: number;
  readonly jobs: readonly string[];
  readonly windows: number;
  readonly failed: readonly { readonly job: string; readonly windowEndMs: number; readonly error: string }[];
}

export interface BacktestOptions {
  readonly jobs: readonly Job[];
  readonly store: Store;
  readonly fromMs: number;
  readonly toMs: number;
  readonly incidents: readonly Incident[] | null;
  readonly clock: Clock;
  readonly logger: Logger;
  onProgress?(progress: Progress): void;
}

/** The live jobs over the past, into nowhere: nothing is stored, so nothing can fire. */
export async function runBacktest(options: BacktestOptions): Promise<Backtest> {
  const { jobs, fromMs, toMs, incidents, store, ...rest } = options;
  if (fromMs >= toMs) throw new SignalboxError("E_BACKTEST", "--to is not after --from");
  const { runs, findings } = await runJobsOver({ ...rest, jobs, fromMs, toMs, store: readingStore(store) });
  const failed = runs.filter((run) => run.status === "error").map((run) => ({ job: run.job, windowEndMs: run.window.toMs, error: run.error }));
  return { fromMs, toMs, jobs: jobs.map((job) => job.name), windows: runs.length, failed, ...scoreBacktest(findings, incidents, { fromMs, toMs }) };
}

/** The same store for whoever reads. What is inserted is let go: no job needs what another one, or it itself, wrote, but for
 * the sequence models, of which `jobs run sequence-model` stores those that a stretch of the past does not have. */
export function readingStore(store: Store): Store {
  return {
    ...store,
    insert: () => Promise.resolve(),
    command: (sql) => (/^\s*INSERT\b/i.test(sql) ? Promise.resolve() : Promise.reject(new SignalboxError("E_BACKTEST", "a backtest changes nothing in the store"))),
  };
}
