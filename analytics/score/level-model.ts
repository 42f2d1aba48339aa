/** Runs of one class by the level that they reached. */
class Levels {
  readonly runs = new Map<number, number>();
  total = 0;

  atLeast(level: number): number {
    let sum = 0;
    for (const [reached, runs] of this.runs) if (reached >= level) sum += runs;
    return sum;
  }
}

/**
 * How often a run reaches a level at a place, of something that grows: so many acts, so instruction-shaped a source of an
 * argument. A class goes by its own runs, with the weight of one run by what classes do on the average, and that by a prior.
 */
export class LevelModel {
  readonly #places = new Map<string, Map<string, Levels>>();

  add(className: string, place: string, level: number, runs = 1): void {
    let classes = this.#places.get(place);
    if (classes === undefined) this.#places.set(place, (classes = new Map()));
    let levels = classes.get(className);
    if (levels === undefined) classes.set(className, (levels = new Levels()));
    const before = levels.runs.get(level) ?? 0;
    const after = Math.max(0, before + runs);
    if (after > 0) levels.runs.set(level, after);
    else levels.runs.delete(level);
    levels.total += after - before;
  }

  /** Bits of surprise at a run that reaches at least `level`. `prior`: the chance of that where nothing was seen. */
  bits(className: string, place: string, level: number, { prior, known }: { prior: number; known: boolean }): number {
    const classes = this.#places.get(place);
    let shares = 0;
    let count = 0;
    for (const levels of classes?.values() ?? []) {
      if (levels.total === 0) continue;
      shares += levels.atLeast(level) / levels.total;
      count++;
    }
    const common = (shares + prior) / (count + 1);
    const own = known ? classes?.get(className) : undefined;
    return -Math.log2(own === undefined ? common : (own.atLeast(level) + common) / (own.total + 1));
  }
}
