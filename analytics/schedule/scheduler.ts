import { CronJob } from "cron";
import { withDeadline, type Stoppable } from "../../collector/kernel/lifecycle.ts";
import { dueWindows, type Job } from "./job.ts";
import type { JobRun } from "./run-log.ts";
import { runWindow, type RunDeps } from "./run-window.ts";

export interface Scheduler extends Stoppable {
  /** Catches up every job, then follows their schedules. Resolves when the schedules are set, not when they caught up. */
  start(): void;
  /** Runs the windows of one job that are due; joins a run that is under way. */
  runDue(job: Job): Promise<JobRun[]>;
}

export interface SchedulerOptions extends RunDeps {
  jobs: readonly Job[];
  /** After a longer pause the older windows are left out. */
  maxCatchUpMs: number;
  /** How long `stop` waits for the window that is running. */
  stopDeadlineMs: number;
}

/** A window that failed so often is left out, so that one bad row doesn't end a job for good. */
export const maxAttempts = 3;

export function createScheduler(options: SchedulerOptions): Scheduler {
  const { jobs, log, clock, logger, maxCatchUpMs, stopDeadlineMs } = options;
  const running = new Map<string, Promise<JobRun[]>>();
  const timers: CronJob[] = [];
  let stopping = false;
  let turn: Promise<unknown> = Promise.resolve();

  const catchUp = async (job: Job): Promise<JobRun[]> => {
    const nowMs = clock.nowMs();
    const lastSuccessMs = await log.lastSuccessMs(job.name);
    const windows = dueWindows(job, { lastSuccessMs, nowMs, maxCatchUpMs });
    const failed = windows.length === 0 ? new Map<number, number>() : await log.failures(job.name, windows[0]!.toMs - 1);
    const runs: JobRun[] = [];
    for (const window of windows) {
      if (stopping) break;
      const attempts = failed.get(window.toMs) ?? 0;
      if (attempts >= maxAttempts) continue;
      const run = await runWindow(options, job, window, nowMs);
      runs.push(run);
      // Later windows wait, or the last success would pass over this one.
      if (run.status === "error" && attempts + 1 < maxAttempts) break;
    }
    return runs;
  };

  // Jobs take turns: two heavy queries at once take longer than one after the other, and leave nothing for the console.
  const runDue = (job: Job): Promise<JobRun[]> => {
    const underWay = running.get(job.name);
    if (underWay !== undefined) return underWay;
    const run = turn.then(() => (stopping ? [] : catchUp(job))).finally(() => running.delete(job.name));
    running.set(job.name, run);
    turn = run.catch(() => undefined);
    return run;
  };

  const trigger = (job: Job): void => {
    runDue(job).catch((error: unknown) => logger.error({ job: job.name, error: String(error) }, "job could not be scheduled"));
  };

  let stopped: Promise<void> | undefined;
  return {
    start() {
      for (const job of jobs) {
        timers.push(CronJob.from({ cronTime: job.cron, onTick: () => trigger(job), start: true, timeZone: "UTC" }));
        trigger(job);
      }
    },
    runDue,
    stop() {
      stopping = true;
      stopped ??= (async () => {
        await Promise.all(timers.map((timer) => timer.stop()));
        await withDeadline(Promise.allSettled(running.values()), stopDeadlineMs, "the running job");
      })();
      return stopped;
    },
  };
}
