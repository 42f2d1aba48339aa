/** A seeded generator (mulberry32): the same seed gives the same demo. */
export interface Random {
  /** 0 <= x < 1 */
  next(): number;
  /** from <= n < to */
  int(from: number, to: number): number;
  pick<T>(items: readonly T[]): T;
  /** Exponentially distributed with the given mean: the time to the next arrival. */
  exponential(mean: number): number;
}

export function seededRandom(seed: number): Random {
  let state = seed >>> 0;
  const next = (): number => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
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
