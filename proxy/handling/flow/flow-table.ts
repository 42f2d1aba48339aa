/** Where a value came from. `seq` 0: a result that another worker relayed. */
export interface Origin {
  readonly seq: number;
  readonly score: number;
  /** It stood in a result that was not trusted. */
  readonly untrusted: boolean;
}

const UNTRUSTED = 0x100;
/** Scores are kept in steps of 1/200, so that thresholds such as 0.35 come back as what they are. */
const STEPS = 200;
/** Words a slot: both halves of the digest, the sequence number, and the score with the flags. */
const WORDS = 4;
const FIRST_SLOTS = 16;

/** What takes the place of values that had to be let go: the worst of them, for any value that is not known. */
export interface Lost {
  readonly score: number;
  readonly untrusted: boolean;
}

/**
 * The values of one task by their fleeting digests: 16 bytes each in one open-addressed table that doubles as it fills.
 * A digest of zero is not kept apart from an empty slot; one in 2^64 values is missed.
 */
export class FlowTable {
  readonly #max: number;
  #slots = new Uint32Array(0);
  #size = 0;
  #lost: Lost | null = null;

  constructor(max: number) {
    this.#max = max;
  }

  get size(): number {
    return this.#size;
  }

  get bytes(): number {
    return this.#slots.byteLength;
  }

  /** Set once values were let go. */
  get lost(): Lost | null {
    return this.#lost;
  }

  find(high: number, low: number): Origin | null {
    const at = this.#place(high, low);
    return at < 0 || this.#isFree(at) ? null : this.#origin(at);
  }

  /**
   * A value that is there already keeps its first origin, takes the higher score, and once untrusted stays so. A
   * full table lets go of everything that no instruction stood around, and then takes no more.
   */
  add(high: number, low: number, origin: Origin): boolean {
    const meta = Math.round(Math.min(1, Math.max(0, origin.score)) * STEPS) | (origin.untrusted ? UNTRUSTED : 0);
    return this.#add(high, low, origin.seq >>> 0, meta);
  }

  #add(high: number, low: number, seq: number, meta: number): boolean {
    if ((this.#size + 1) * WORDS * 2 > this.#slots.length) this.#grow();
    const at = this.#place(high, low);
    if (this.#isFree(at)) {
      if (this.#size >= this.#max) {
        if ((meta & 0xff) === 0 || !this.#makeRoom()) {
          this.#lose(meta);
          return false;
        }
        return this.#add(high, low, seq, meta);
      }
      this.#slots.set([high, low, seq, meta], at);
      this.#size++;
      return true;
    }
    const known = this.#slots[at + 3]!;
    const next = Math.max(known & 0xff, meta & 0xff) | ((known | meta) & UNTRUSTED);
    this.#slots[at + 3] = next;
    return next !== known;
  }

  /** Every slot in use, four words each, as `merge` takes it. */
  entries(): Uint32Array {
    const out = new Uint32Array(this.#size * WORDS);
    let to = 0;
    for (let at = 0; at < this.#slots.length; at += WORDS) {
      if (this.#isFree(at)) continue;
      out.set(this.#slots.subarray(at, at + WORDS), to);
      to += WORDS;
    }
    return out;
  }

  /** The same of some values, given as pairs of halves. */
  entriesOf(digests: readonly number[]): Uint32Array {
    const out = new Uint32Array((digests.length / 2) * WORDS);
    let to = 0;
    for (let i = 0; i < digests.length; i += 2) {
      const at = this.#place(digests[i]!, digests[i + 1]!);
      if (at < 0 || this.#isFree(at)) continue;
      out.set(this.#slots.subarray(at, at + WORDS), to);
      to += WORDS;
    }
    return out.subarray(0, to);
  }

  /** Values that another worker saw. Their sequence numbers are of that worker's records and would mislead here. */
  merge(entries: Uint32Array): void {
    for (let at = 0; at + WORDS <= entries.length; at += WORDS) this.#add(entries[at]!, entries[at + 1]!, 0, entries[at + 3]! & 0x1ff);
  }

  /** Lets go of all values; from now on an unknown one counts as the worst of them. */
  drop(): void {
    for (let at = 0; at < this.#slots.length; at += WORDS) if (!this.#isFree(at)) this.#lose(this.#slots[at + 3]!);
    this.#slots = new Uint32Array(0);
    this.#size = 0;
  }

  /** Values that should be here are not. */
  lose(lost: Lost): void {
    this.#lost = { score: Math.max(lost.score, this.#lost?.score ?? 0), untrusted: lost.untrusted || (this.#lost?.untrusted ?? false) };
  }

  #lose(meta: number): void {
    this.lose({ score: (meta & 0xff) / STEPS, untrusted: (meta & UNTRUSTED) !== 0 });
  }

  #makeRoom(): boolean {
    const before = this.#slots;
    this.#slots = new Uint32Array(before.length);
    this.#size = 0;
    for (let at = 0; at < before.length; at += WORDS) {
      const meta = before[at + 3]!;
      if (before[at] === 0 && before[at + 1] === 0) continue;
      if (meta & 0xff) this.#add(before[at]!, before[at + 1]!, before[at + 2]!, meta);
      else this.#lose(meta);
    }
    return this.#size < this.#max;
  }

  #grow(): void {
    const before = this.#slots;
    this.#slots = new Uint32Array(Math.max(FIRST_SLOTS * WORDS, before.length * 2));
    for (let at = 0; at < before.length; at += WORDS) {
      if (before[at] === 0 && before[at + 1] === 0) continue;
      this.#slots.set(before.subarray(at, at + WORDS), this.#place(before[at]!, before[at + 1]!));
    }
  }

  /** The slot of a value, or the free one where it would be; -1 in a table without slots. */
  #place(high: number, low: number): number {
    const slots = this.#slots;
    const mask = slots.length - 1;
    if (mask < 0) return -1;
    let at = (low * WORDS) & mask;
    while ((slots[at] !== high || slots[at + 1] !== low) && (slots[at] !== 0 || slots[at + 1] !== 0)) at = (at + WORDS) & mask;
    return at;
  }

  #isFree(at: number): boolean {
    return this.#slots[at] === 0 && this.#slots[at + 1] === 0;
  }

  #origin(at: number): Origin {
    const meta = this.#slots[at + 3]!;
    return { seq: this.#slots[at + 2]!, score: (meta & 0xff) / STEPS, untrusted: (meta & UNTRUSTED) !== 0 };
  }
}
