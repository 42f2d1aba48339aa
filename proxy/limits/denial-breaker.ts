import type { DraftRecord } from "../../collector/record/call-record.ts";

/** Attempts that one record stands for. */
export interface Coalesced<T> {
  readonly key: string;
  /** What the first of them was. */
  readonly sample: T;
  readonly attempts: number;
}

export interface DenialBreakerOptions {
  /** So many denials of one key within the window, and the next ones are coalesced. */
  readonly denials: number;
  readonly windowMs: number;
  readonly maxKeys?: number;
}

interface Storm<T> {
  windowStartMs: number;
  /** Denials with records of their own in the window. */
  noted: number;
  /** The last of these records. */
  record: string;
  /** Open until then, unless another attempt comes. */
  openUntilMs: number;
  pending: { sample: T; attempts: number } | null;
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

  constructor({ denials, windowMs, maxKeys = 10_000 }: DenialBreakerOptions) {
    this.#denials = denials;
    this.#windowMs = windowMs;
    this.#maxKeys = maxKeys;
  }

  /** A denial that gets a record of its own, and which. */
  note(key: string, nowMs: number, record: string): void {
    const storm = this.#storms.get(key) ?? this.#begin(key, nowMs);
    if (!storm) return;
    if (nowMs - storm.windowStartMs >= this.#windowMs) {
      storm.windowStartMs = nowMs;
      storm.noted = 0;
    }
    storm.record = record;
    if (++storm.noted >= this.#denials) storm.openUntilMs = nowMs + this.#windowMs;
  }

  /** The last record that a denial repeats, where it is to be absorbed; null where it is to have its own. */
  repeats(key: string, nowMs: number): string | null {
    const storm = this.#storms.get(key);
    return storm !== undefined && nowMs < storm.openUntilMs ? storm.record : null;
  }

  /** Counts a denial that repeats. `sample` is what the record will show; of several the first. */
  absorb(key: string, nowMs: number, sample: T): void {
    const storm = this.#storms.get(key);
    if (!storm) throw new Error("absorb is for keys that are open");
    storm.openUntilMs = nowMs + this.#windowMs;
    if (storm.pending) {
      storm.pending.attempts++;
      return;
    }
    storm.pending = { sample, attempts: 1 };
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
    const storm: Storm<T> = { windowStartMs: nowMs, noted: 0, record: "", openUntilMs: 0, pending: null };
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

/**
 * Denials that are told apart: by everything that an investigation asks a record for first. One record of many attempts
 * is then true of each in who sent it, in which task, to what, and why it was denied. Arguments, sizes and ids may differ:
 * a retry often differs in these.
 */
export function denialKey(r: DraftRecord): string {
  const who = [r.agent, r.principal, r.credentialId, r.clientAddress, r.taskId, r.taskClass, r.sessionId];
  const what = [r.server, r.serverVersion, r.registryRevision, r.method, r.tool, r.prompt, r.resourceUri];
  const why = [r.reason, r.basis, r.policyIds, r.policyVersion, r.wouldBe, r.approvalId, r.exceptionId, r.httpStatus];
  return JSON.stringify([who, what, why]);
}
