/** One class's values at a place: in how many of its runs each came, and how many values came in so many runs. */
class Group {
  readonly runs = new Map<string, number>();
  readonly ofCount = new Map<number, number>();
  pairs = 0;

  /** Returns the count before and after. A negative count takes out no more than there is. */
  add(value: string, count: number): [before: number, after: number] {
    const before = this.runs.get(value) ?? 0;
    const after = Math.max(0, before + count);
    if (after > 0) this.runs.set(value, after);
    else this.runs.delete(value);
    this.pairs += after - before;
    bump(this.ofCount, before, -1);
    bump(this.ofCount, after, 1);
    return [before, after];
  }

  get singles(): number {
    return this.ofCount.get(1) ?? 0;
  }

  /** The share of what was seen that came no more often than `count` times. */
  shareUpTo(count: number): number {
    let sum = 0;
    for (const [times, values] of this.ofCount) if (times <= count) sum += times * values;
    return this.pairs === 0 ? 0 : sum / this.pairs;
  }
}

function bump(counts: Map<number, number>, key: number, by: number): void {
  if (key === 0) return;
  const next = (counts.get(key) ?? 0) + by;
  if (next > 0) counts.set(key, next);
  else counts.delete(key);
}

/** A value at one place, over all classes: the classes it came in, and how often a class's run brings one of its own. */
class Place {
  readonly classes = new Map<string, Group>();
  readonly all = new Group();
  singlesWithin = 0;
  pairsWithin = 0;

  add(className: string, value: string, count: number): void {
    let group = this.classes.get(className);
    if (group === undefined) this.classes.set(className, (group = new Group()));
    const singles = group.singles;
    const [before, after] = group.add(value, count);
    this.singlesWithin += group.singles - singles;
    this.pairsWithin += after - before;
    if (before === 0 && after > 0) this.all.add(value, 1);
    else if (before > 0 && after === 0) this.all.add(value, -1);
  }

  /** How often a class brings a value that no other has: the chance that the next one does (Good and Turing). */
  get newInClass(): number {
    return (this.all.singles + 1) / (this.all.pairs + 1);
  }

  /** The same of a run within its class. */
  get newInRun(): number {
    return (this.singlesWithin + this.newInClass) / (this.pairsWithin + 1);
  }
}

/** Weight of what all classes have in common against a class's own runs. */
export const commonRuns = 2;

/**
 * How rare a value is at a place (an argument of a tool, by its path), where the rate at which new values come is learnt:
 * where every run brings its own, a new one says nothing, and where all have the same, it says much. A value that came
 * before but seldom is nearly as telling as one that is new. Counted once a run.
 */
export class RarityModel {
  readonly #places = new Map<string, Place>();

  add(className: string, place: string, value: string, runs = 1): void {
    let known = this.#places.get(place);
    if (known === undefined) this.#places.set(place, (known = new Place()));
    known.add(className, value, runs);
  }

  /**
   * Bits of surprise: of a value at least so rare. `known` false: the class has too few runs to be gone by, and other
   * classes tell how often a new one brings a value of its own. A place that is new says nothing: its tool is new.
   */
  bits(className: string, place: string, value: string, known: boolean): number {
    const at = this.#places.get(place);
    if (at === undefined) return 0;
    const group = known ? at.classes.get(className) : undefined;
    if (group === undefined || group.pairs === 0) return tail(at.newInClass, at.all, value);
    return tail((group.singles + commonRuns * at.newInRun) / (group.pairs + commonRuns), group, value);
  }

  /** How many values a single run of the class brought alone; of all classes where none is given. */
  broughtAlone(place: string, className?: string): number {
    const at = this.#places.get(place);
    return (className === undefined ? at?.singlesWithin : at?.classes.get(className)?.singles) ?? 0;
  }

  /** In how many runs of the class the value came. */
  timesSeen(className: string, place: string, value: string): number {
    return this.#places.get(place)?.classes.get(className)?.runs.get(value) ?? 0;
  }
}

function tail(isNew: number, group: Group, value: string): number {
  const fresh = Math.min(1, isNew);
  return -Math.log2(fresh + (1 - fresh) * group.shareUpTo(group.runs.get(value) ?? 0));
}
