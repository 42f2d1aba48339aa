import type { Row } from "../../analytics/eval/rows.ts";
import { robustZ, type SeriesScorer } from "../../analytics/score/series.ts";

/** What anybody would try first, scored on the same rows as the detectors: a figure says little without one beside it. */

type Sequences = ReadonlyMap<string, readonly string[]>;

function sequencesOf(rows: readonly Row[]): Sequences {
  const traces = Map.groupBy(rows, (row) => String(row.trace_id));
  return new Map([...traces].map(([id, calls]) => [id, calls.toSorted((a, b) => Number(a.seq) - Number(b.seq)).map((call) => String(call.tool))]));
}

const grams = (tools: readonly string[], n: number): string[] => {
  const padded = [...Array<string>(n - 1).fill("^"), ...tools];
  return tools.map((_, i) => padded.slice(i, i + n).join("\n"));
};

/** STIDE: the share of a run's 3-grams of tool names that no training run has. */
export function stide(train: readonly Row[], test: readonly Row[]): Map<string, number> {
  const known = new Set([...sequencesOf(train).values()].flatMap((tools) => grams(tools, 3)));
  return new Map([...sequencesOf(test)].map(([id, tools]) => [id, grams(tools, 3).filter((gram) => !known.has(gram)).length / tools.length]));
}

/** The highest surprisal of a tool's name after the one before it, counts of one added. */
export function markov(train: readonly Row[], test: readonly Row[]): Map<string, number> {
  const pairs = new Map<string, number>();
  const firsts = new Map<string, number>();
  const names = new Set<string>();
  for (const tools of sequencesOf(train).values()) {
    tools.forEach((tool, i) => {
      const from = tools[i - 1] ?? "^";
      names.add(tool);
      firsts.set(from, (firsts.get(from) ?? 0) + 1);
      pairs.set(`${from}\n${tool}`, (pairs.get(`${from}\n${tool}`) ?? 0) + 1);
    });
  }
  const bits = (from: string, tool: string): number => -Math.log2(((pairs.get(`${from}\n${tool}`) ?? 0) + 1) / ((firsts.get(from) ?? 0) + names.size + 1));
  return new Map([...sequencesOf(test)].map(([id, tools]) => [id, Math.max(...tools.map((tool, i) => bits(tools[i - 1] ?? "^", tool)))]));
}

/**
 * Values that are new at their place in the arguments of an act after an untrusted read: minus the log of how often a
 * training run's call brings a new one there, summed over a run's.
 */
export function newValues(train: readonly Row[], test: readonly Row[]): Map<string, number> {
  const places = new Map<string, { known: Set<string>; calls: number }>();
  for (const [place, value] of actsOf(train).flatMap(([, values]) => values)) {
    const at = places.get(place) ?? { known: new Set(), calls: 0 };
    places.set(place, at);
    at.known.add(value);
    at.calls++;
  }
  const bits = (place: string, value: string): number => {
    const { known = new Set(), calls = 0 } = places.get(place) ?? {};
    return known.has(value) ? 0 : -Math.log2((known.size + 1) / (calls + 2));
  };
  const once = (values: [string, string][]): [string, string][] => [...new Map(values.map((one) => [one.join("\n"), one])).values()];
  return new Map(actsOf(test).map(([id, values]) => [id, once(values).reduce((sum, [place, value]) => sum + bits(place, value), 0)]));
}

/** By run, what its acts after an untrusted read were called with: the tool with the path, and the value. */
function actsOf(rows: readonly Row[]): [id: string, values: [place: string, value: string][]][] {
  return [...Map.groupBy(rows, (row) => String(row.trace_id))].map(([id, calls]) => {
    const ordered = calls.toSorted((a, b) => Number(a.seq) - Number(b.seq));
    const read = ordered.findIndex((call) => call.untrusted === true);
    const acts = read < 0 ? [] : ordered.slice(read + 1).filter((call) => call.kind !== "read");
    return [id, acts.flatMap((call) => scalarsOf(call.args, String(call.tool)))];
  });
}

function scalarsOf(value: unknown, path: string): [string, string][] {
  if (typeof value !== "object" || value === null) return [[path, JSON.stringify(value ?? null)]];
  return Object.entries(value).flatMap(([key, one]) => scalarsOf(one, `${path}/${Array.isArray(value) ? "*" : key}`));
}

/** Deviations from an exponentially weighted mean, by its own spread. */
export function ewma(weight = 0.05): SeriesScorer {
  let mean: number | undefined;
  let variance = 0;
  let seen = 0;
  return (_, value) => {
    mean ??= value;
    const off = value - mean;
    const z = seen++ < 50 ? 0 : Math.abs(off) / Math.max(Math.sqrt(variance), Math.abs(mean) * 0.02, 1e-9);
    mean += weight * off;
    variance = (1 - weight) * (variance + weight * off * off);
    return z;
  };
}

/** Deviations of a bucket's hits from a binomial with the rate of the week before. */
export function binomialZ(week = 2016): (row: { total: number; hits: number }) => number {
  const rows: { total: number; hits: number }[] = [];
  let [totals, hitsBefore] = [0, 0];
  return ({ total, hits }) => {
    const rate = (hitsBefore + 0.5) / (totals + 10);
    const z = (hits - total * rate) / Math.sqrt(Math.max(total * rate * (1 - rate), 1e-9));
    rows.push({ total, hits });
    [totals, hitsBefore] = [totals + total, hitsBefore + hits];
    if (rows.length > week) {
      const gone = rows.shift()!;
      [totals, hitsBefore] = [totals - gone.total, hitsBefore - gone.hits];
    }
    return total === 0 ? 0 : z;
  };
}

/** Scores of every row, by series, from a scorer of its own for each. */
export function scoreBySeries(rows: readonly Row[], scorerFor: () => (row: Row) => number): Map<string, number[]> {
  const out = new Map<string, number[]>();
  const scorers = new Map<string, (row: Row) => number>();
  for (const row of rows) {
    const series = String(row.series);
    const scorer = scorers.get(series) ?? scorerFor();
    scorers.set(series, scorer);
    const scores = out.get(series) ?? [];
    out.set(series, scores);
    scores.push(scorer(row));
  }
  return out;
}

const ofValue = (scorer: SeriesScorer) => (row: Row): number => scorer(0, Number(row.value));
export const simpleSeries: Readonly<Record<string, () => (row: Row) => number>> = { "robust z": () => ofValue(robustZ()), EWMA: () => ofValue(ewma()) };
export const simpleDenials: typeof simpleSeries = {
  "binomial z": () => {
    const score = binomialZ();
    return (row) => score({ total: Number(row.total), hits: Number(row.denied) });
  },
};
export const simpleLatency: typeof simpleSeries = { "robust z": () => ofValue(robustZ()) };
