import { SignalboxError } from "../../collector/kernel/errors.ts";
import { BehaviourModel, scoreSequence, type Sequence } from "../jobs/unusual-sequences/score.ts";
import { readRows, type Row } from "./rows.ts";

/** The calls of each trace in order, one trace after another: calls of a trace stand together, or are gathered. */
async function readSequences(path: string): Promise<Map<string, Sequence>> {
  const calls = new Map<string, Row[]>();
  for await (const row of readRows(path)) {
    if (typeof row.trace_id !== "string" || typeof row.tool !== "string") {
      throw new SignalboxError("E_EVAL_INPUT", `${path}: a call has no trace_id or no tool`);
    }
    const trace = calls.get(row.trace_id);
    if (trace === undefined) calls.set(row.trace_id, [row]);
    else trace.push(row);
  }
  return new Map([...calls].map(([id, rows]) => [id, toSequence(rows)]));
}

function toSequence(rows: readonly Row[]): Sequence {
  const ordered = rows.toSorted((a, b) => Number(a.seq) - Number(b.seq));
  const first = ordered[0]!;
  return {
    className: String(first.task_class ?? "") || `agent:${String(first.agent ?? "")}`,
    steps: ordered.map((row) => ({
      token: `${String(row.server ?? "")}/${String(row.tool)}/${String(row.kind ?? "unknown")}`,
      acts: row.kind !== "read",
      untrusted: row.untrusted === true,
      outcome: String(row.outcome ?? "ok"),
    })),
  };
}

/** Scores of the test traces under the sequence job's model of the training traces. A trace's score is that of all its
 * calls; no test trace teaches the model. */
export async function* scoreTraceFiles(files: { train: string; test: string }): AsyncGenerator<Row> {
  const model = new BehaviourModel();
  for (const sequence of (await readSequences(files.train)).values()) model.add(sequence);
  for (const [id, sequence] of await readSequences(files.test)) {
    yield { trace_id: id, score: round(scoreSequence(model, sequence).total) };
  }
}

/** Nine digits: what differs further down is rounding, and would differ from machine to machine. */
export const round = (score: number): number => Number(score.toPrecision(9));
