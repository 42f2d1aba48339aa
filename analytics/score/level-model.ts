/** Runs of one class by the level that they reached. */
class Levels {
  readonly runs = new Map<number, number>();
  total = 0;

  /** A negative count takes out no more than there is. */
  add(level: number, count: number): void {
    const before = this.runs.get(level) ?? 0;
    const after = Math.max(0, before + count);
    if (after > 0) this.runs.set(level, after);
    else this.runs.delete(level);
    this.total += after - before;
  }

  atLeast(level: number): number {
    let sum = 0;
    for (const [reached, runs] of this.runs) if (reached >= level) sum += runs;
    return sum;
  }
}

/** All classes at one place. What they have in common is asked for again and again between two changes. */
class Place {
  readonly classes = new Map<string, Levels>();
  readonly #shares = new Map<number, readonly [sum: number, classes: number]>();

  add(className: string, level: number, runs: number): void {
    this.#shares.clear();
    let levels = this.classes.get(className);
    if (levels === undefined) this.classes.set(className, (levels = new Levels()));
    levels.add(level, runs);
  }

  /** The shares of runs that reach the level, summed over the classes that have runs, and how many these are. */
  sharesOf(level: number): readonly [sum: number, classes: number] {
    const known = this.#shares.get(level);
    if (known !== undefined) return known;
    let sum = 0;
    let classes = 0;
    for (const levels of this.classes.values()) {
      if (levels.total === 0) continue;
      sum += levels.atLeast(level) / levels.total;
      classes++;
    }
    const shares = [sum, classes] as const;
    this.#shares.set(level, shares);
    return shares;
  }
}

/**
 * How often a run reaches a level at a place, of something that grows: so many acts, so instruction-shaped a source of an
 * argument. A class goes by its own runs, with the weight of one run by what classes do on the average, and that by a prior.
 */
export class LevelModel {
  readonly #places = new Map<string, Place>();

  add(className: string, place: string, level: number, runs = 1): void {
    let known = this.#places.get(place);
    if (known === undefined) this.#places.set(place, (known = new Place()));
    known.add(className, level, runs);
  }

  /** Bits of surprise at a run that reaches at least `level`. `prior`: the chance of that where nothing was seen. */
  bits(className: string, place: string, level: number, { prior, known }: { prior: number; known: boolean }): number {
    const at = this.#places.get(place);
    const [sum, classes] = at?.sharesOf(level) ?? [0, 0];
    const common = (sum + prior) / (classes + 1);
    const own = known ? at?.classes.get(className) : undefined;
    return -Math.log2(own === undefined ? common : (own.atLeast(level) + common) / (own.total + 1));
  }
}
