import type { RegisterCommands } from "../../collector/kernel/command.ts";
import { writeRows, type Row } from "./rows.ts";
import { scoreEventsFile, scoreSeriesFile } from "./series.ts";
import { scoreTextsFile } from "./texts.ts";
import { scoreTraceFiles, type RecordedFlow, type TraceFiles } from "./traces.ts";

/** `recordedFlow`: what a proxy would have recorded is for the proxy to say, and the entry file hands it in. */
export const registerEval = ({ recordedFlow }: { recordedFlow: () => Promise<RecordedFlow> }): RegisterCommands => (program, context) => {
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
    .action(async (options: TraceFiles & { out: string }) => write(scoreTraceFiles(options, await recordedFlow()), options.out));
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
};
