/** A seeded generator with what plans of traffic need: the same seed gives the same plan. */
export interface Random {
  /** 0 <= x < 1 */
  next(): number;
  /** from <= n < to */
  int(from: number, to: number): number;
  pick<T>(items: readonly T[]): T;
  /** Exponentially distributed with the given mean: the time to the next arrival. */
  exponential(mean: number): number;
}

/** Numbers in [0, 1) that are the same at every run (mulberry32). */
export function randomFrom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}

export function seededRandom(seed: number): Random {
  const next = randomFrom(seed);
  const int = (from: number, to: number): number => from + Math.floor(next() * (to - from));
  return {
    next,
    int,
    pick: (items) => {
      const item = items[int(0, items.length)];
      if (item === undefined) throw new Error("nothing to pick from");
      return item;
    },
    exponential: (mean) => -Math.log(1 - next()) * mean,
  };
}
