/** Kinds of finding and how often each occurred, in the spelling of a record: `secret:aws_access_key:2`. Never what was found. */
export class Findings {
  readonly #counts = new Map<string, number>();
  readonly #facts: string[] = [];

  count(family: "secret" | "personal" | "hidden", kind: string, by = 1): void {
    const key = `${family}:${kind}`;
    this.#counts.set(key, (this.#counts.get(key) ?? 0) + by);
  }

  /** A finding that is there or not. */
  fact(finding: string): void {
    if (!this.#facts.includes(finding) && this.#facts.length < MAX_FACTS) this.#facts.push(finding);
  }

  has(family: string): boolean {
    for (const key of this.#counts.keys()) if (key.startsWith(`${family}:`)) return true;
    return this.#facts.some((fact) => fact === family || fact.startsWith(`${family}:`));
  }

  list(): string[] {
    return [...this.#facts, ...[...this.#counts].map(([key, count]) => `${key}:${count}`)];
  }
}

const MAX_FACTS = 16;
