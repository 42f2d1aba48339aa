import { decades } from "../../score/rate.ts";

export interface FirstUse {
  atMs: number;
  kind: "high_tier_server" | "effect" | "data_domain";
  value: string;
}

/** What an agent or a class of tasks did for the first time in a day. */
export interface Novelty {
  entityKind: "agent" | "task_class";
  entity: string;
  uses: readonly FirstUse[];
  /** First uses on the days after the cold start and before this one, and how many days those were. */
  before: number;
  days: number;
}

export interface FirstUseThresholds {
  minScore: number;
}

export interface Judged extends Novelty {
  expected: number;
  score: number;
}

/** A day's first uses are a surprise where the days before had few; who does something new every day surprises nobody. */
export function judgeNovelty(all: readonly Novelty[], limits: FirstUseThresholds): Judged[] {
  return all
    .map((novelty) => {
      const expected = (novelty.before + 0.5) / (novelty.days + 1);
      return { ...novelty, expected, score: decades(poissonTail(novelty.uses.length, expected)) };
    })
    .filter((judged) => judged.score >= limits.minScore)
    .sort((a, b) => b.score - a.score);
}

/** P(at least n) of a Poisson count. Summed from n on: one minus the rest has no digits left where it is small. */
export function poissonTail(n: number, mean: number): number {
  let term = Math.exp(-mean);
  for (let k = 0; k < n; k++) term *= mean / (k + 1);
  let tail = 0;
  for (let k = n; term > tail * 1e-12; k++) {
    tail += term;
    term *= mean / (k + 1);
  }
  return Math.min(1, tail);
}

const spoken: Readonly<Record<FirstUse["kind"], (value: string) => string>> = {
  high_tier_server: (server) => `called ${server}, a server of high risk`,
  effect: (effect) => (effect === "write" ? "wrote" : "called a destructive tool"),
  data_domain: (domain) => `touched the data domain ${domain}`,
};

export const spokenUse = ({ atMs, kind, value }: FirstUse): string => `${new Date(atMs).toISOString().slice(11, 16)} ${spoken[kind](value)}`;
