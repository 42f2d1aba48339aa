/**
 * What is known of tokens, by their SHA-256: no token is kept. Bounded; the oldest goes first, whoever asks, so that
 * nobody's tokens push out those of others for longer than it takes to check them again.
 */
export class TokenCache<T> {
  readonly #entries = new Map<string, { readonly value: T; readonly untilMs: number }>();
  readonly #max: number;

  constructor(max: number) {
    this.#max = max;
  }

  get size(): number {
    return this.#entries.size;
  }

  get(hash: string, nowMs: number): T | undefined {
    const found = this.#entries.get(hash);
    if (found === undefined) return undefined;
    if (nowMs < found.untilMs) return found.value;
    this.#entries.delete(hash);
    return undefined;
  }

  set(hash: string, value: T, untilMs: number): void {
    this.#entries.delete(hash);
    if (this.#entries.size >= this.#max) this.#entries.delete(this.#entries.keys().next().value!);
    this.#entries.set(hash, { value, untilMs });
  }
}
