import { SignalboxError } from "../../collector/kernel/errors.ts";
import { createSpikeScorer } from "../score/spikes.ts";
import { createLatencyScorer } from "../jobs/latency-drift/score.ts";
import { createSeriesScorer } from "../score/series.ts";
import { readRows, type Row } from "./rows.ts";
import { round } from "./traces.ts";

/** Rows of (series, timestamp, value), each scored by what came before it in its series. */
export async function* scoreSeriesFile(path: string): AsyncGenerator<Row> {
  yield* scoreRows(path, () => {
    const score = createSeriesScorer();
    return (row) => score(timeOf(row, path), numberOf(row, "value", path));
  });
}

/** Rows with `total,denied` go to the denial scorer, rows with `value` to the latency scorer. */
export async function* scoreEventsFile(path: string): AsyncGenerator<Row> {
  yield* scoreRows(path, (first) => {
    if ("denied" in first) {
      const score = createSpikeScorer();
      return (row) => score({ total: numberOf(row, "total", path), hits: numberOf(row, "denied", path) });
    }
    const score = createLatencyScorer();
    return (row) => score(timeOf(row, path), numberOf(row, "value", path));
  });
}

/** One scorer a series, made from its first row. Series may be interleaved; each must be in order of time. */
async function* scoreRows(path: string, scorerFor: (first: Row) => (row: Row) => number): AsyncGenerator<Row> {
  const scorers = new Map<string, (row: Row) => number>();
  for await (const row of readRows(path)) {
    const series = String(row.series ?? "");
    let score = scorers.get(series);
    if (score === undefined) scorers.set(series, (score = scorerFor(row)));
    yield { series, timestamp: row.timestamp, score: round(score(row)) };
  }
}

function numberOf(row: Row, column: string, path: string): number {
  const value = row[column] === "" ? NaN : Number(row[column]);
  if (!Number.isFinite(value)) throw new SignalboxError("E_EVAL_INPUT", `${path}: ${column} is not a number at ${String(row.timestamp)}`);
  return value;
}

/** `YYYY-MM-DD hh:mm:ss` or ISO 8601, read as UTC. */
function timeOf(row: Row, path: string): number {
  const text = String(row.timestamp);
  const atMs = Date.parse(/[zZ]|[+-]\d\d:?\d\d$/.test(text) ? text : `${text.replace(" ", "T")}Z`);
  if (Number.isNaN(atMs)) throw new SignalboxError("E_EVAL_INPUT", `${path}: "${text}" is not a time`);
  return atMs;
}
