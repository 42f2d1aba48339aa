import { quantileSorted } from "./stats.ts";

/** The last `capacity` values in order of size, so that quantiles and ranks are read and not computed. Adding costs one
 * binary search and one move of memory each for the value that comes and the one that goes. */
export class SortedWindow {
  readonly #sorted: Float64Array;
  readonly #ring: Float64Array;
  #size = 0;
  #next = 0;

  constructor(capacity: number) {
    this.#sorted = new Float64Array(capacity);
    this.#ring = new Float64Array(capacity);
  }

  get size(): number {
    return this.#size;
  }

  /** Adds a value; returns the oldest one where it had to make room. */
  add(value: number): number | undefined {
    const full = this.#size === this.#ring.length;
    const oldest = full ? this.#ring[this.#next]! : undefined;
    if (oldest !== undefined) this.#remove(oldest);
    this.#ring[this.#next] = value;
    this.#next = (this.#next + 1) % this.#ring.length;
    const at = this.countBelow(value);
    this.#sorted.copyWithin(at + 1, at, this.#size);
    this.#sorted[at] = value;
    this.#size++;
    return oldest;
  }

  #remove(value: number): void {
    const at = this.countBelow(value);
    this.#sorted.copyWithin(at, at + 1, this.#size);
    this.#size--;
  }

  /** How many values are smaller; `countUpTo` counts equal ones too. */
  countBelow(value: number): number {
    return this.#search((v) => v < value);
  }

  countUpTo(value: number): number {
    return this.#search((v) => v <= value);
  }

  #search(before: (v: number) => boolean): number {
    let low = 0;
    let high = this.#size;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (before(this.#sorted[middle]!)) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  quantile(q: number): number {
    return quantileSorted(this.#sorted.subarray(0, this.#size), q);
  }

  /** Half the width of the middle 68%: a standard deviation that outliers don't move. */
  spread(): number {
    return (this.quantile(0.84) - this.quantile(0.16)) / 2;
  }
}
