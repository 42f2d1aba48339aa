import { decades } from "../../score/rate.ts";

export interface FlowThresholds {
  minScore: number;
  /** The same for a value beside text that reads as instructions. */
  minInstructedScore: number;
  /** And for what the class did before: once in so many powers of ten. */
  minAgainScore: number;
  /** Work that read the source, below which nothing is said, instructions or not. */
  minUnits: number;
  /** Pieces of work of the class that read the source, from which it is known. */
  warmUnits: number;
}

/** How much of a class's work that read a source passed a value on to the same argument before. */
export interface Known {
  units: number;
  units_with: number;
}

export interface Flows extends Known {
  actual: number;
  expected: number;
  expected_high: number;
}

/**
 * The less of a class's work ever did it, the stranger; what it does as a routine is its work, also where what it reads is
 * written by strangers. A value beside instructions is told about a class that is hardly known, too.
 */
export function judgeFlow(flows: Known, instructed: boolean, limits: FlowThresholds): { score: number; coldStart: boolean } | undefined {
  const coldStart = flows.units < limits.warmUnits;
  const never = flows.units_with === 0;
  const plain = decades((flows.units_with + 0.5) / (flows.units + 1));
  const score = instructed && coldStart && never ? Math.max(plain, limits.minInstructedScore) : plain;
  const least = !never ? limits.minAgainScore : instructed ? limits.minInstructedScore : limits.minScore;
  return flows.units < limits.minUnits || score < least ? undefined : { score, coldStart };
}
