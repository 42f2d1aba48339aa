import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { parseArgs } from "node:util";
import { readRows, writeRows, type Row } from "../../analytics/eval/rows.ts";
import { scoreEventsFile, scoreSeriesFile } from "../../analytics/eval/series.ts";
import { scoreTraceFiles } from "../../analytics/eval/traces.ts";
import { formatTable } from "../support/table.ts";
import { EventCorpus, type PlantedEvents } from "./scoring/events.ts";
import { NabCorpus, type Windows } from "./scoring/nab.ts";
import { readScores, readTimes, type ScoresBySeries, type TimesBySeries } from "./scoring/series.ts";
import { reportTexts } from "./texts/report.ts";
import { foldsOf, scoreTraces, type LabelledCall } from "./scoring/traces.ts";
import { replayReport } from "./replay.ts";

/**
 * Runs the detectors over labelled data and prints their figures beside the bar: what simple detectors of the same kind
 * reach on data that was not seen. Ours are on development data, so a figure that only just passes is not good enough.
 * `--keep DIR` leaves the score files there; `--short` leaves out the texts' hardest split; `--families` prints them family by family.
 */
const { values } = parseArgs({ options: { data: { type: "string" }, keep: { type: "string" }, short: { type: "boolean", default: false }, families: { type: "boolean", default: false } } });
const data = values.data ?? process.env.SIGNALBOX_EVAL_DATA ?? resolve(import.meta.dirname, "../../../shared/data");
const scratch = values.keep ?? mkdtempSync(join(tmpdir(), "signalbox-eval-"));

type Line = [what: string, figure: string, ours: string, bar: string];

const denials = (): Promise<Line> => events("denials", "planted denial spikes", ".60 (blocks 1.0)");
const latency = (): Promise<Line> => events("latency", "planted latency drift", ".62");

if (!existsSync(join(data, "series"))) {
  console.log("There is no evaluation data: give --data DIR or SIGNALBOX_EVAL_DATA.");
} else {
  const lines: string[][] = [];
  for (const run of [traces("task", "AUC .74, TPR@1% .04, TPR@5% .08"), traces("agent", "AUC .79, TPR@1% .26, TPR@5% .52"), nab, denials, latency]) {
    const began = performance.now();
    lines.push([...(await run()), ((performance.now() - began) / 1000).toFixed(1)]);
  }
  const began = performance.now();
  const texts = await reportTexts(join(data, "tool_outputs/texts.ndjson.gz"), { short: values.short, details: values.families });
  const seconds = ((performance.now() - began) / 1000).toFixed(1);
  lines.push(...texts.lines.map((line, i) => [...line, i === 0 ? seconds : ""]));
  console.log(formatTable([["what", "figure", "here", "bar (unseen data)", "seconds"], ...lines]));
  console.log(`\n${texts.details.join("\n")}`);
  console.log(`\n${await replayReport(data)}`);
}
if (values.keep === undefined) rmSync(scratch, { recursive: true, force: true });

function traces(by: "task" | "agent", bar: string) {
  return async (): Promise<Line> => {
    const calls = (await collect(readRows(join(data, "traces/agentdojo.calls.ndjson.gz")))) as LabelledCall[];
    const rows: Row[] = [];
    for (const fold of foldsOf(calls, by)) {
      const train = join(scratch, `${by}.${fold.name}.train.ndjson`);
      const test = join(scratch, `${by}.${fold.name}.test.ndjson`);
      await writeRows(train, fold.train);
      await writeRows(test, fold.test);
      rows.push(...(await collect(scoreTraceFiles({ train, test }))));
    }
    await writeRows(join(scratch, `traces-${by}.scores.ndjson`), rows);
    const figures = scoreTraces(calls, new Map(rows.map((row) => [String(row.trace_id), Number(row.score)])));
    const mean = figures.get("suite_mean")!;
    const ours = `AUC ${mean.auc.toFixed(3)}, TPR@1% ${mean.tpr1.toFixed(3)}, TPR@5% ${mean.tpr5.toFixed(3)}`;
    return [`hijacked runs, ${by === "task" ? "new tasks" : "recurring tasks"}`, "order of calls alone", ours, bar];
  };
}

async function nab(): Promise<Line> {
  const stem = join(data, "series/nab");
  const { times, scores } = await scored(stem, "nab", scoreSeriesFile);
  const windows = JSON.parse(readFileSync(`${stem}.windows.json`, "utf8")) as Windows;
  const best = new NabCorpus(times, windows).bestThreshold(scores);
  return ["series (NAB)", "standard profile, best threshold", `${best.score.toFixed(2)} at ${best.threshold.toPrecision(6)}`, "51.4"];
}

async function events(name: string, what: string, bar: string): Promise<Line> {
  const stem = join(data, `ops/${name}`);
  const { times, scores } = await scored(stem, name, scoreEventsFile);
  const corpus = new EventCorpus(times, JSON.parse(readFileSync(`${stem}.events.json`, "utf8")) as PlantedEvents);
  const threshold = corpus.threshold(scores, 1);
  const { kinds } = corpus.run(scores, threshold);
  const share = (kind: string): string => kinds.get(kind)!.share.toFixed(3);
  const others = [...kinds.keys()].filter((kind) => kind !== "all").sort();
  return [what, "found at one alarm a week", `${share("all")} (${others.map((kind) => `${kind} ${share(kind)}`).join(", ")}) at ${threshold.toPrecision(4)}`, bar];
}

async function scored(stem: string, name: string, score: (path: string) => AsyncIterable<Row>): Promise<{ times: TimesBySeries; scores: ScoresBySeries }> {
  const out = join(scratch, `${name}.scores.ndjson`);
  await writeRows(out, score(`${stem}.csv.gz`));
  const times = await readTimes(`${stem}.csv.gz`);
  return { times, scores: await readScores(out, times) };
}

async function collect(rows: AsyncIterable<Row>): Promise<Row[]> {
  const out: Row[] = [];
  for await (const row of rows) out.push(row);
  return out;
}
