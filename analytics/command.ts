import type { Command } from "commander";
import type { CommandContext, RegisterCommands } from "../collector/kernel/command.ts";
import { SignalboxError } from "../collector/kernel/errors.ts";
import { createStoreClient } from "../collector/store/client.ts";
import { storeConfigSchema } from "../collector/config.ts";
import { registerBacktest } from "./backtest/command.ts";
import { registerBaseline } from "./baseline/command.ts";
import { registerBlastRadius } from "./blast-radius/command.ts";
import { analyticsConfigSchema } from "./config.ts";
import { writeRows, type Row } from "./eval/rows.ts";
import { scoreEventsFile, scoreSeriesFile } from "./eval/series.ts";
import { scoreTextsFile } from "./eval/texts.ts";
import { scoreTraceFiles, type RecordedFlow, type TraceFiles } from "./eval/traces.ts";
import { createJobs } from "./jobs/index.ts";
import { createRunLog } from "./schedule/run-log.ts";
import { runJobsOver } from "./schedule/replay.ts";
import { registerSequences } from "./sequences/command.ts";
import { parseTime } from "./time-flag.ts";

/** What the commands need of other parts, which the entry file hands in. */
export interface AnalyticsDeps {
  readonly recordedFlow: () => Promise<RecordedFlow>;
}

export const registerAnalytics = (deps: AnalyticsDeps): RegisterCommands => (program, context) => {
  registerJobs(program, context);
  registerEval(program, context, deps);
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

function registerEval(program: Command, context: CommandContext, deps: AnalyticsDeps): void {
  const evaluate = program.command("eval").description("scores files with the jobs' own detectors, without a store");
  const write = async (rows: AsyncIterable<Row>, out: string): Promise<void> => {
    const count = await writeRows(out, rows);
    context.print(`${count} scores in ${out}`);
  };
  evaluate
    .command("traces")
    .description("agents' runs by the order of their calls, their arguments, and where these came from: one score a trace")
    .requiredOption("--train <file>", "calls of benign traces (NDJSON, gzip'd or not)")
    .requiredOption("--test <file>", "calls of the traces to score")
    .requiredOption("--out <file>", "NDJSON {trace_id, score}")
    .option("--train-outputs <file>", "what the calls returned, NDJSON {trace_id, seq, text}; by default x.outputs.ndjson beside x.ndjson, where there is one")
    .option("--test-outputs <file>", "the same of the traces to score")
    .addHelpText("after", "\nExample: signalbox eval traces --train banking.0.train.ndjson --test banking.0.test.ndjson --out scores.ndjson")
    .action(async (options: TraceFiles & { out: string }) => write(scoreTraceFiles(options, await deps.recordedFlow()), options.out));
  for (const [name, what, score] of [
    ["series", "a series of values (series,timestamp,value)", scoreSeriesFile],
    ["events", "denials (series,timestamp,total,denied) or latencies (series,timestamp,value)", scoreEventsFile],
  ] as const) {
    evaluate
      .command(name)
      .description(`${what}: one score a row`)
      .requiredOption("--in <file>", "CSV or NDJSON, gzip'd or not")
      .requiredOption("--out <file>", "NDJSON {series, timestamp, score}")
      .action((options: { in: string; out: string }) => write(score(options.in), options.out));
  }
  evaluate
    .command("texts")
    .description("how instruction-shaped texts are, as results are scored: one score a text")
    .requiredOption("--in <file>", "NDJSON {id, text}, gzip'd or not")
    .requiredOption("--out <file>", "NDJSON {id, score}; 0.5 and more is taken for an instruction")
    .addHelpText("after", "\nExample: signalbox eval texts --in texts.ndjson.gz --out scores.ndjson")
    .action((options: { in: string; out: string }) => write(scoreTextsFile(options.in), options.out));
}
