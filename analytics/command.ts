import type { Command } from "commander";
import type { CommandContext, RegisterCommands } from "../collector/kernel/command.ts";
import { SignalboxError } from "../collector/kernel/errors.ts";
import { createStoreClient } from "../collector/store/client.ts";
import { storeConfigSchema } from "../collector/config.ts";
import { registerBacktest } from "./backtest/command.ts";
import { registerBaseline } from "./baseline/command.ts";
import { registerBlastRadius } from "./blast-radius/command.ts";
import { analyticsConfigSchema } from "./config.ts";
import { createJobs } from "./jobs/index.ts";
import { createRunLog } from "./schedule/run-log.ts";
import { runJobsOver } from "./schedule/replay.ts";
import { registerSequences } from "./sequences/command.ts";
import { parseTime } from "./time-flag.ts";

export const registerAnalytics: RegisterCommands = (program, context) => {
  registerJobs(program, context);
  registerBacktest(program, context);
  registerBlastRadius(program, context);
  registerBaseline(program, context);
  registerSequences(program, context);
};

function registerJobs(program: Command, context: CommandContext): void {
  const jobs = program.command("jobs").description("the analytics jobs");
  jobs
    .command("list")
    .description("jobs, their schedules (UTC), and up to where each has succeeded")
    .action(async () => {
      const { store, log } = openStore(context);
      try {
        for (const job of createJobs(context.config().section("analytics", analyticsConfigSchema))) {
          const lastMs = await log.lastSuccessMs(job.name);
          const last = lastMs === undefined ? "never ran" : `succeeded up to ${new Date(lastMs).toISOString()}`;
          context.print(`${job.name.padEnd(20)} ${job.cron.padEnd(14)} window ${String(job.windowMs / 60_000).padStart(5)} min  ${last}`);
        }
      } finally {
        await store.close();
      }
    });
  jobs
    .command("run <name>")
    .description("runs one job over the windows that end after --from and at or before --to, and writes what it finds")
    .requiredOption("--from <time>", "ISO 8601, such as 2026-01-31T10:00:00Z", parseTime)
    .requiredOption("--to <time>", "ISO 8601", parseTime)
    .action(async (name: string, options: { from: number; to: number }) => {
      const all = createJobs(context.config().section("analytics", analyticsConfigSchema));
      const job = all.find((one) => one.name === name);
      if (job === undefined) {
        throw new SignalboxError("E_JOB_UNKNOWN", `there is no enabled job "${name}"`, { remedy: `enabled: ${all.map((one) => one.name).join(", ")}` });
      }
      const { store } = openStore(context);
      try {
        const { runs, findings } = await runJobsOver({ jobs: [job], store, fromMs: options.from, toMs: options.to, clock: context.clock, logger: context.logger("jobs") });
        for (const finding of findings) context.print(`${finding.severity.padEnd(6)} ${finding.title}`);
        const failed = runs.filter((run) => run.status === "error");
        context.print(`${runs.length} windows, ${findings.length} findings, ${failed.length} failed`);
        if (failed.length > 0) throw new SignalboxError("E_JOB_FAILED", `${name} failed: ${failed[0]!.error}`);
      } finally {
        await store.close();
      }
    });
}

function openStore(context: CommandContext) {
  const { url, username, password, database } = context.config().section("store", storeConfigSchema);
  const store = createStoreClient({ url, username, password, database, caller: "jobs" });
  return { store, log: createRunLog(store) };
}
