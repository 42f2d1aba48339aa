import type { Command } from "commander";
import { storeConfigSchema } from "../../collector/config.ts";
import type { CommandContext } from "../../collector/kernel/command.ts";
import { SignalboxError } from "../../collector/kernel/errors.ts";
import { createStoreClient } from "../../collector/store/client.ts";
import { analyticsConfigSchema, jobNames } from "../config.ts";
import { createJobs } from "../jobs/index.ts";
import type { Progress } from "../schedule/replay.ts";
import { parseTime } from "../time-flag.ts";
import { readLabels } from "./labels.ts";
import { backtestLines } from "./print.ts";
import { runBacktest } from "./run.ts";

interface Flags {
  readonly from: number;
  readonly to: number;
  readonly job?: readonly string[];
  readonly labels?: string;
  readonly json?: boolean;
}

const PROGRESS_MS = 5000;

export function registerBacktest(program: Command, context: CommandContext): void {
  program
    .command("backtest")
    .description("run the live jobs over the past without storing anything: findings a day, repeats, and what they found of labelled incidents")
    .requiredOption("--from <time>", "ISO 8601, such as 2026-01-31T10:00:00Z", parseTime)
    .requiredOption("--to <time>", "ISO 8601", parseTime)
    .option("--job <name...>", `only these jobs (default: all that are enabled): ${jobNames.join(", ")}`)
    .option("--labels <file>", "YAML or JSON: a list of incidents with entity, from, to, and kind, the detector that should find it")
    .option("--json", "print everything as JSON")
    .addHelpText("after", "\nExample:\n  signalbox backtest --from 2026-01-01T00:00:00Z --to 2026-02-01T00:00:00Z --labels incidents.yaml\n")
    .action((flags: Flags) => backtest(context, flags));
}

async function backtest(context: CommandContext, flags: Flags): Promise<void> {
  const { url, username, password, database } = context.config().section("store", storeConfigSchema);
  const enabled = createJobs(context.config().section("analytics", analyticsConfigSchema));
  const unknown = flags.job?.find((name) => !enabled.some((job) => job.name === name));
  if (unknown !== undefined) {
    throw new SignalboxError("E_JOB_UNKNOWN", `there is no enabled job "${unknown}"`, { remedy: `enabled: ${enabled.map((job) => job.name).join(", ")}` });
  }
  const jobs = flags.job === undefined ? enabled : enabled.filter((job) => flags.job!.includes(job.name));
  const incidents = flags.labels === undefined ? null : readLabels(flags.labels);
  const store = createStoreClient({ url, username, password, database, caller: "backtest" });
  const logger = context.logger("backtest");
  try {
    const test = await runBacktest({ jobs, store, fromMs: flags.from, toMs: flags.to, incidents, clock: context.clock, logger, onProgress: reporter(context) });
    if (flags.json === true) context.print(JSON.stringify(test, null, 2));
    else for (const line of backtestLines(test)) context.print(line);
    if (test.failed.length > 0) throw new SignalboxError("E_JOB_FAILED", `${test.failed.length} of ${test.windows} windows failed; the first: ${test.failed[0]!.job}: ${test.failed[0]!.error}`);
  } finally {
    await store.close();
  }
}

/** On standard error, so that the answer stays alone on standard output. */
function reporter(context: CommandContext): (progress: Progress) => void {
  const logger = context.logger("backtest");
  let lastMs = context.clock.nowMs();
  return ({ done, windows, windowEndMs }) => {
    const nowMs = context.clock.nowMs();
    if (nowMs - lastMs < PROGRESS_MS) return;
    lastMs = nowMs;
    logger.info({ done, windows, reached: new Date(windowEndMs).toISOString() }, `backtest: ${Math.floor((100 * done) / windows)} %`);
  };
}
