import { decades } from "../../score/rate.ts";

export interface ScopeThresholds {
  minScore: number;
  /** The same for what the class did before: once in so many powers of ten. */
  minAgainScore: number;
  /** Pieces of work of the class from which it is known. */
  warmUnits: number;
}

/** How much of a class's work left its scope in the same way before. */
export interface Escapes {
  actual: number;
  expected: number;
  expected_high: number;
  units: number;
  units_with: number;
}

/**
 * A way out that a class takes again and again is a scope that is drawn wrongly, and no news: of a class that takes it in
 * every twentieth piece of work somebody would be told many times a day. A call that was let through is always news: the
 * proxy should have refused it.
 */
export function judgeEscape(escapes: Escapes, did: boolean, limits: ScopeThresholds): { score: number; coldStart: boolean } | undefined {
  const score = decades((escapes.units_with + 0.5) / (escapes.units + 1));
  if (!did && score < (escapes.units_with === 0 ? limits.minScore : limits.minAgainScore)) return undefined;
  return { score: did ? Math.max(score, limits.minScore) : score, coldStart: escapes.units < limits.warmUnits };
}
