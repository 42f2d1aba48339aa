import { existsSync } from "node:fs";
import { SignalboxError } from "../../collector/kernel/errors.ts";
import type { ArgumentLeaf } from "../../collector/record/call-record.ts";
import { BehaviourModel, scoreSequence, type Sequence } from "../jobs/unusual-sequences/score.ts";
import { quantileSorted } from "../score/stats.ts";
import { minRuns } from "../score/taint.ts";
import { readRows, type Row } from "./rows.ts";

/** What the proxy records of a run's arguments. It is handed in, since the proxy is no part of the analytics. */
export type RecordedFlow = (run: readonly { args: unknown; trusted: boolean; output: string | undefined }[]) => ArgumentLeaf[][];

export interface TraceFiles {
  readonly train: string;
  readonly test: string;
  /** What the calls returned; by default the file beside, `x.outputs.ndjson` for `x.ndjson`, where there is one. */
  readonly trainOutputs?: string;
  readonly testOutputs?: string;
}

/**
 * Scores of the test traces under the sequence job's model of the training traces. A trace's score is that of all its
 * calls, over what ordinary traces score; no test trace teaches the model.
 */
export async function* scoreTraceFiles(files: TraceFiles, flow: RecordedFlow): AsyncGenerator<Row> {
  const model = new BehaviourModel();
  const past = [...(await readSequences(files.train, files.trainOutputs, flow)).values()];
  for (const sequence of past) model.add(sequence);
  const ordinary = ordinaryScores(model, past);
  for (const [id, sequence] of await readSequences(files.test, files.testOutputs, flow)) {
    const { usual, weight } = model.taint.knows(sequence.className) ? ordinary.known : ordinary.unknown;
    yield { trace_id: id, score: round(weight * (scoreSequence(model, sequence).total - usual)) };
  }
}

/** So many past traces, spread over all of them, show what an ordinary one scores. */
const mostCalibration = 2000;
/** One deployment's tasks are all alike and another's never twice the same: three in four ordinary ones score less. */
const usualShare = 0.75;
/**
 * Where those that score more do so by more bits than these, in the mean of a tail that falls exponentially, a bit counts for
 * less, and for less than in proportion: how far a wide tail reaches is known from few runs.
 */
const usualSpread = 3;
const spreadPower = 1.5;

/** What three in four ordinary traces score less than, and what a bit beyond it counts for. */
interface Ordinary {
  readonly usual: number;
  readonly weight: number;
}

/** What ordinary traces score under a model without them: of a class that is known, and of one of which this would be the first. */
function ordinaryScores(model: BehaviourModel, past: readonly Sequence[]): { known: Ordinary; unknown: Ordinary } {
  const step = Math.ceil(past.length / mostCalibration);
  const some = past.filter((_, i) => i % step === 0);
  const unknown = [...Map.groupBy(past, (one) => one.className).values()].flatMap((ofClass) => model.scoreAllWithout(ofClass));
  const known = some.map((one) => (model.taint.sequencesOf(one.className) > minRuns ? model.scoreWithout(one).total : undefined)).filter((score) => score !== undefined);
  const ofUnknown = ordinaryOf(unknown.map((score) => score.total));
  return { known: known.length === 0 ? ofUnknown : ordinaryOf(known), unknown: ofUnknown };
}

function ordinaryOf(scores: readonly number[]): Ordinary {
  if (scores.length === 0) return { usual: 0, weight: 1 };
  const sorted = Float64Array.from(scores).sort();
  const usual = quantileSorted(sorted, usualShare);
  // By the median and not the mean: one task that went wrong says nothing about the others.
  const spread = (quantileSorted(sorted.filter((score) => score >= usual), 0.5) - usual) / Math.LN2;
  return { usual, weight: Math.min(1, (usualSpread / spread) ** spreadPower) };
}

/** The calls of each trace in order, one trace after another: calls of a trace stand together, or are gathered. */
async function readSequences(path: string, outputsPath: string | undefined, flow: RecordedFlow): Promise<Map<string, Sequence>> {
  const calls = new Map<string, Row[]>();
  for await (const row of readRows(path)) {
    if (typeof row.trace_id !== "string" || typeof row.tool !== "string") {
      throw new SignalboxError("E_EVAL_INPUT", `${path}: a call has no trace_id or no tool`);
    }
    const trace = calls.get(row.trace_id);
    if (trace === undefined) calls.set(row.trace_id, [row]);
    else trace.push(row);
  }
  const outputs = await readOutputs(outputsPath ?? besides(path));
  return new Map([...calls].map(([id, rows]) => [id, toSequence(rows, outputs, flow)]));
}

/** Where the outputs of a call file are, if they are beside it. */
function besides(path: string): string | undefined {
  const stem = /^(.*)\.ndjson(\.gz)?$/.exec(path)?.[1];
  if (stem === undefined) return undefined;
  return [`${stem}.outputs.ndjson`, `${stem}.outputs.ndjson.gz`].find((one) => existsSync(one));
}

const outputKey = (row: Row): string => `${String(row.trace_id)}\n${String(row.seq)}`;

async function readOutputs(path: string | undefined): Promise<Map<string, string> | undefined> {
  if (path === undefined) return undefined;
  const outputs = new Map<string, string>();
  for await (const row of readRows(path)) {
    if (typeof row.text !== "string" || typeof row.trace_id !== "string") {
      throw new SignalboxError("E_EVAL_INPUT", `${path}: an output has no trace_id or no text`, { remedy: 'a row is {"trace_id": "...", "seq": 0, "text": "..."}' });
    }
    outputs.set(outputKey(row), row.text);
  }
  return outputs;
}

function toSequence(rows: readonly Row[], outputs: ReadonlyMap<string, string> | undefined, flow: RecordedFlow): Sequence {
  const ordered = rows.toSorted((a, b) => Number(a.seq) - Number(b.seq));
  const first = ordered[0]!;
  const leaves = flow(ordered.map((row) => ({ args: row.args, trusted: row.untrusted !== true, output: outputs?.get(outputKey(row)) })));
  return {
    className: String(first.task_class ?? "") || `agent:${String(first.agent ?? "")}`,
    followed: outputs !== undefined,
    steps: ordered.map((row, at) => ({
      token: `${String(row.server ?? "")}/${String(row.tool)}/${effectOf(row)}`,
      acts: row.kind !== "read",
      untrusted: row.untrusted === true,
      outcome: String(row.outcome ?? "ok"),
      arguments: leaves[at]!.map(({ path, digest, flowFromSeq, flowScore }) => ({ path, digest, fromResult: flowFromSeq !== null, flowScore })),
    })),
  };
}

/** What leaves for good can't be taken back: in the record's words it is destructive. */
const effectOf = ({ kind = "unknown" }: Row): string => (kind === "egress" ? "destructive" : String(kind));

/** Nine digits: what differs further down is rounding, and would differ from machine to machine. */
export const round = (score: number): number => Number(score.toPrecision(9));
