import type { Logger } from "../../collector/kernel/log.ts";
import type { Store } from "../../collector/store/client.ts";
import type { Finding } from "../findings/finding.ts";

/** Half-open, in Unix milliseconds. */
export interface Window {
  fromMs: number;
  toMs: number;
}

export interface JobContext {
  store: Store;
  /** What the run is about. It may read what came before, and nothing at or after `toMs`. */
  window: Window;
  /** When the run happens; in a replay, when it would have happened. */
  nowMs: number;
  logger: Logger;
}

export interface JobResult {
  findings: Finding[];
}

/**
 * One analysis, run over one window after another. A run is a function of the rows stored and of the window, so that
 * running it again says the same, and the same code replays the past.
 */
export interface Job {
  readonly name: string;
  /** When to look for windows to run, as five cron fields in UTC. */
  readonly cron: string;
  /** Windows end at whole multiples of this. */
  readonly stepMs: number;
  /** A window's length; more than a step where windows overlap. */
  readonly windowMs: number;
  /** How long after its end a window is taken to be complete. Rows that come later are not seen by it. */
  readonly latenessMs: number;
  run(context: JobContext): Promise<JobResult>;
}

/** The windows that ended after `afterMs` and at or before `upToMs`, oldest first. */
export function* windowsBetween(job: Pick<Job, "stepMs" | "windowMs">, afterMs: number, upToMs: number): Generator<Window> {
  for (let toMs = (Math.floor(afterMs / job.stepMs) + 1) * job.stepMs; toMs <= upToMs; toMs += job.stepMs) {
    yield { fromMs: toMs - job.windowMs, toMs };
  }
}

/**
 * The windows to run now: those that are complete and newer than the last success, no further back than `maxCatchUpMs`.
 * A job that never ran begins with the newest complete window.
 */
export function dueWindows(
  job: Pick<Job, "stepMs" | "windowMs" | "latenessMs">,
  options: { lastSuccessMs: number | undefined; nowMs: number; maxCatchUpMs: number },
): Window[] {
  const completeMs = options.nowMs - job.latenessMs;
  const newestMs = Math.floor(completeMs / job.stepMs) * job.stepMs;
  const afterMs = Math.max(options.lastSuccessMs ?? newestMs - job.stepMs, completeMs - options.maxCatchUpMs);
  return [...windowsBetween(job, afterMs, completeMs)];
}
