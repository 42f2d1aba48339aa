import { systemClock, type Clock } from "../../collector/kernel/clock.ts";
import { silentLogger, type Logger } from "../../collector/kernel/log.ts";
import type { Store } from "../../collector/store/client.ts";
import type { Finding } from "../findings/finding.ts";
import { windowsBetween, type Job } from "./job.ts";
import { createRunLog, type JobRun } from "./run-log.ts";
import { runWindow } from "./run-window.ts";

export interface ReplayOptions {
  jobs: readonly Job[];
  store: Store;
  /** Windows that end after `fromMs` and at or before `toMs` are run. */
  fromMs: number;
  toMs: number;
  clock?: Clock;
  logger?: Logger;
  /** Told after every window. */
  onProgress?(progress: Progress): void;
}

export interface Progress {
  readonly done: number;
  readonly windows: number;
  /** The end of the window that was just run. */
  readonly windowEndMs: number;
}

export interface Replay {
  runs: JobRun[];
  findings: Finding[];
}

/**
 * Runs the jobs over the past in the order in which they would have run, each at the moment at which it would have: the
 * code is the live one, and so are the traces it leaves. May be repeated. A window that fails is recorded and passed over.
 */
export async function runJobsOver(options: ReplayOptions): Promise<Replay> {
  const { jobs, store, fromMs, toMs, clock = systemClock, logger = silentLogger } = options;
  const deps = { store, log: createRunLog(store), clock, logger };
  const due = jobs.flatMap((job) => [...windowsBetween(job, fromMs, toMs)].map((window) => ({ job, window, atMs: window.toMs + job.latenessMs })));
  due.sort((a, b) => a.atMs - b.atMs);
  const out: Replay = { runs: [], findings: [] };
  for (const { job, window, atMs } of due) {
    const { found, ...run } = await runWindow(deps, job, window, atMs);
    out.runs.push(run);
    out.findings.push(...found);
    options.onProgress?.({ done: out.runs.length, windows: due.length, windowEndMs: window.toMs });
  }
  return out;
}
