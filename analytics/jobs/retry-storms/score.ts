import { decades } from "../../score/rate.ts";

export interface RetryThresholds {
  /** Repeats of one call in half an hour below which nothing is said, and what is needed where the class is hardly known. */
  minTimes: number;
  coldTimes: number;
  /** Pieces of work of the class with the tool, from which it is known. */
  warmUnits: number;
  /** At least so many times what 99% of the class's work stays under. */
  minRatio: number;
  minScore: number;
}

/** How often work of a class repeats its most repeated call of a tool. */
export interface Repeats {
  actual: number;
  expected: number;
  expected_high: number;
  units: number;
}

/** Undefined where the repeats are what the class does. */
export function judgeRepeats({ actual, expected, expected_high, units }: Repeats, limits: RetryThresholds): { score: number; coldStart: boolean } | undefined {
  const coldStart = units < limits.warmUnits;
  if (actual < (coldStart ? limits.coldTimes : Math.max(limits.minTimes, limits.minRatio * expected_high))) return undefined;
  // A geometric count of that mean. A class that never repeats anything is not taken to be unable to.
  const again = 1 - 1 / Math.max(1.25, expected);
  const score = decades(again ** (actual - 1));
  return score < limits.minScore ? undefined : { score, coldStart };
}
