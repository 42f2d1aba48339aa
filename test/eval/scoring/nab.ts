import { compare } from "./roc.ts";
import type { ScoresBySeries, TimesBySeries } from "./series.ts";

/**
 * NAB's normalised score, from its published definition. In each window only the earliest detection counts, by a sigmoid
 * of its place in the window; a detection outside costs by a sigmoid of its distance past the last window; a missed
 * window costs `fn`. 0 is a detector that says nothing, 100 one that marks every window's left edge and nothing else.
 */
export const profiles = {
  standard: { tp: 1, fp: 0.11, fn: 1 },
  rewardLowFp: { tp: 1, fp: 0.22, fn: 1 },
  rewardLowFn: { tp: 1, fp: 0.11, fn: 2 },
} as const;
export type Profile = (typeof profiles)[keyof typeof profiles];
export type Windows = Readonly<Record<string, readonly (readonly [string, string])[]>>;

/** What a detection at a row is worth; the window it falls in, null outside, "skip" in the probationary part. */
interface Point {
  worth: number;
  window: number | null | "skip";
}

const sigmoid = (x: number): number => (x > 3 ? -1 : 2 / (1 + Math.exp(5 * x)) - 1);

function pointsOf(times: readonly string[], windows: NonNullable<Windows[string]>, profile: Profile): Point[] {
  const probation = Math.min(Math.floor(0.15 * times.length), 0.15 * 5000);
  const rowAt = new Map(times.map((time, i) => [time.slice(0, 19), i] as const).toReversed());
  const spans = windows.map(([from, to]) => [rowAt.get(from.slice(0, 19))!, rowAt.get(to.slice(0, 19))!] as const);
  spans.sort((a, b) => a[0] - b[0] || a[1] - b[1]);
  let next = 0;
  let current: { window: number; last: number; width: number } | null = null;
  let previous: { row: number; width: number } | null = null;
  return times.map((time, i) => {
    const span = spans[next];
    if (current === null && span !== undefined && i === span[0]) {
      current = { window: next++, last: span[1], width: span[1] - span[0] + 1 };
    }
    const worth =
      current !== null
        ? (sigmoid(-(current.last - i + 1) / current.width) * profile.tp) / sigmoid(-1)
        : profile.fp * (previous === null ? -1 : sigmoid(Math.abs(previous.row - i) / (previous.width - 1)));
    const point: Point = { worth, window: i < probation ? "skip" : (current?.window ?? null) };
    if (current !== null && time.slice(0, 19) === times[current.last]!.slice(0, 19)) {
      previous = { row: i, width: current.width };
      current = null;
    }
    return point;
  });
}

/** A series' worth at a threshold, that of saying nothing, and that of a perfect detector. */
export interface NabPart {
  raw: number;
  nothing: number;
  perfect: number;
}

export class NabCorpus {
  readonly #windows: Windows;
  readonly #points: ReadonlyMap<string, Point[]>;
  readonly #profile: Profile;
  /** Windows that hold at least one row after the probationary part; the others count neither way in the null score. */
  readonly #live: ReadonlySet<string>;
  readonly #perfect: number;

  constructor(times: TimesBySeries, windows: Windows, profile: Profile = profiles.standard) {
    this.#profile = profile;
    this.#windows = windows;
    this.#points = new Map([...times].map(([series, stamps]) => [series, pointsOf(stamps, windows[series] ?? [], profile)]));
    this.#live = new Set(
      [...this.#points].flatMap(([series, points]) =>
        points.filter((p) => typeof p.window === "number").map((p) => `${series}\n${p.window}`),
      ),
    );
    this.#perfect = profile.tp * Object.values(windows).reduce((sum, list) => sum + list.length, 0);
  }

  score(scores: ScoresBySeries, threshold: number): number {
    return this.scoreOf([...this.partsAt(scores, threshold).values()]);
  }

  /** What each series adds to the score at a threshold. */
  partsAt(scores: ScoresBySeries, threshold: number): Map<string, NabPart> {
    const parts = new Map<string, NabPart>();
    for (const series of this.#points.keys()) {
      const best = new Map([...this.#live].filter((key) => key.startsWith(`${series}\n`)).map((key) => [key, -this.#profile.fn]));
      const nothing = -this.#profile.fn * best.size;
      let outside = 0;
      for (const [key, worth] of this.#detections(scores, threshold, series)) {
        if (key === null) outside += worth;
        else best.set(key, Math.max(best.get(key)!, worth));
      }
      parts.set(series, { raw: [...best.values()].reduce((sum, v) => sum + v, outside), nothing, perfect: this.#profile.tp * (this.#windows[series]?.length ?? 0) });
    }
    return parts;
  }

  /** The normalised score of some series, one of them as often as it stands there. */
  scoreOf(parts: readonly NabPart[]): number {
    const sum = (get: (part: NabPart) => number): number => parts.reduce((total, part) => total + get(part), 0);
    return (100 * (sum((p) => p.raw) - sum((p) => p.nothing))) / (sum((p) => p.perfect) - sum((p) => p.nothing));
  }

  *#detections(scores: ScoresBySeries, threshold: number, series: string): Generator<[string | null, number]> {
    const column = scores.get(series)!;
    for (const [i, point] of this.#points.get(series)!.entries()) {
      if (point.window === "skip" || column[i]! < threshold) continue;
      yield [point.window === null ? null : `${series}\n${point.window}`, point.worth];
    }
  }

  #normalise(raw: number): number {
    const nothing = -this.#profile.fn * this.#live.size;
    return (100 * (raw - nothing)) / (this.#perfect - nothing);
  }

  /** The threshold with the highest score, over every distinct value: one pass from the highest down. */
  bestThreshold(scores: ScoresBySeries): { threshold: number; score: number } {
    const rows: { score: number; worth: number; key: string | null }[] = [];
    for (const [series, points] of this.#points) {
      const column = scores.get(series)!;
      for (const [i, point] of points.entries()) {
        if (point.window === "skip") continue;
        rows.push({ score: column[i]!, worth: point.worth, key: point.window === null ? null : `${series}\n${point.window}` });
      }
    }
    rows.sort((a, b) => compare(b.score, a.score));
    const current = new Map([...this.#live].map((key) => [key, -this.#profile.fn]));
    let total = -this.#profile.fn * this.#live.size;
    let best = { threshold: Infinity, raw: total };
    for (let i = 0; i < rows.length; ) {
      const at = rows[i]!.score;
      for (; i < rows.length && rows[i]!.score === at; i++) {
        const { key, worth } = rows[i]!;
        if (key === null) total += worth;
        else if (worth > current.get(key)!) {
          total += worth - current.get(key)!;
          current.set(key, worth);
        }
      }
      if (total > best.raw) best = { threshold: at, raw: total };
    }
    return { threshold: best.threshold, score: this.#normalise(best.raw) };
  }
}
