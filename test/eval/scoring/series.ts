import { readRows } from "../../../analytics/eval/rows.ts";

/** A labelled file's rows by series, in file order, and the scores that a detector gave them. */
export type TimesBySeries = Map<string, string[]>;
export type ScoresBySeries = Map<string, number[]>;

export async function readTimes(path: string): Promise<TimesBySeries> {
  const out: TimesBySeries = new Map();
  for await (const row of readRows(path)) {
    const series = String(row.series);
    let times = out.get(series);
    if (times === undefined) out.set(series, (times = []));
    times.push(String(row.timestamp));
  }
  return out;
}

const second = (timestamp: string): string => timestamp.slice(0, 19).replace("T", " ");

/** Scores row by row; a row left out is -Infinity. Rows of one series with one timestamp are matched in file order. */
export async function readScores(path: string, times: TimesBySeries): Promise<ScoresBySeries> {
  const given = new Map<string, Map<string, number[]>>();
  for await (const row of readRows(path)) {
    const series = given.get(String(row.series)) ?? new Map<string, number[]>();
    given.set(String(row.series), series);
    const at = second(String(row.timestamp));
    const queue = series.get(at) ?? [];
    series.set(at, queue);
    queue.push(Number(row.score));
  }
  const out: ScoresBySeries = new Map();
  for (const [series, stamps] of times) {
    const queues = given.get(series);
    out.set(series, stamps.map((stamp) => queues?.get(second(stamp))?.shift() ?? -Infinity));
  }
  return out;
}
