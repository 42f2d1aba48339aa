/** Attempts that one record stands for. */
export interface Coalesced<T> {
  readonly key: string;
  /** What the first of them was. */
  readonly sample: T;
  readonly attempts: number;
  readonly firstMs: number;
  readonly lastMs: number;
}

export interface DenialBreakerOptions {
  /** So many denials of one key within the window, and the next ones are coalesced. */
  readonly denials?: number;
  readonly windowMs?: number;
  readonly maxKeys?: number;
}

interface Storm<T> {
  windowStartMs: number;
  /** Denials with records of their own in the window. */
  noted: number;
  /** Open until then, unless another attempt comes. */
  openUntilMs: number;
  pending: { sample: T; attempts: number; firstMs: number; lastMs: number } | null;
}

/**
 * Turns a retry storm into counted records. It denies nothing: every attempt is decided as always, and of those that were
 * denied for the same reason again and again, one record a second says how many they were. Each attempt is in exactly one
 * record: `note` for one that has its own, `absorb` for one that is counted, and `due` hands out what was counted.
 */
export class DenialBreaker<T> {
  readonly #storms = new Map<string, Storm<T>>();
  readonly #pending = new Set<string>();
  readonly #denials: number;
  readonly #windowMs: number;
  readonly #maxKeys: number;
  #sweptMs = -Infinity;

  constructor({ denials = 20, windowMs = 10_000, maxKeys = 10_000 }: DenialBreakerOptions = {}) {
    this.#denials = denials;
    this.#windowMs = windowMs;
    this.#maxKeys = maxKeys;
  }

  /** A denial that gets a record of its own. */
  note(key: string, nowMs: number): void {
    const storm = this.#storms.get(key) ?? this.#begin(key, nowMs);
    if (!storm) return;
    if (nowMs - storm.windowStartMs >= this.#windowMs) {
      storm.windowStartMs = nowMs;
      storm.noted = 0;
    }
    if (++storm.noted >= this.#denials) storm.openUntilMs = nowMs + this.#windowMs;
  }

  /** Whether a denial is to be absorbed. */
  isOpen(key: string, nowMs: number): boolean {
    const storm = this.#storms.get(key);
    return storm !== undefined && nowMs < storm.openUntilMs;
  }

  /** Counts a denial of an open key. `sample` makes what the record will show, and is asked for the first attempt alone. */
  absorb(key: string, nowMs: number, sample: () => T): void {
    const storm = this.#storms.get(key);
    if (!storm) throw new Error("absorb is for keys that are open");
    storm.openUntilMs = nowMs + this.#windowMs;
    if (storm.pending) {
      storm.pending.attempts++;
      storm.pending.lastMs = nowMs;
      return;
    }
    storm.pending = { sample: sample(), attempts: 1, firstMs: nowMs, lastMs: nowMs };
    this.#pending.add(key);
  }

  /** What was counted since the last time: one record each. To be called once a second, and before the worker ends. */
  due(nowMs: number): Coalesced<T>[] {
    const records: Coalesced<T>[] = [];
    for (const key of this.#pending) {
      const storm = this.#storms.get(key)!;
      records.push({ key, ...storm.pending! });
      storm.pending = null;
    }
    this.#pending.clear();
    this.#sweep(nowMs);
    return records;
  }

  get size(): number {
    return this.#storms.size;
  }

  /** Beyond its bound there is no room for another key, whose denials then keep their own records. */
  #begin(key: string, nowMs: number): Storm<T> | null {
    if (this.#storms.size >= this.#maxKeys && nowMs - this.#sweptMs >= 1000) this.#sweep(nowMs);
    if (this.#storms.size >= this.#maxKeys) return null;
    const storm: Storm<T> = { windowStartMs: nowMs, noted: 0, openUntilMs: 0, pending: null };
    this.#storms.set(key, storm);
    return storm;
  }

  #sweep(nowMs: number): void {
    this.#sweptMs = nowMs;
    for (const [key, storm] of this.#storms) {
      const over = nowMs >= storm.openUntilMs && nowMs - storm.windowStartMs >= this.#windowMs;
      if (over && !storm.pending) this.#storms.delete(key);
    }
  }
}

/** Denials that are told apart. Reasons and names have no line feed; a tool's name may hold anything, and stands last. */
export const denialKey = (agent: string, server: string, reason: string, tool: string): string => `${agent}\n${server}\n${reason}\n${tool}`;
