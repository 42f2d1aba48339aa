/** 0 to 1: how much a text reads as instructions to the agent. */
export type InstructionScorer = (text: string) => number;

/** Shorter strings are names and enum values, in which no instruction fits by itself. */
const MIN_CHARS = 10;
/** A name is read by the agent as well, and this long it is a sentence. */
const MIN_KEY_CHARS = 40;
/** Members whose short strings are the schema language's own. */
const vocabulary = new Set(["type", "format"]);

/** Every text of a definition that an agent reads, in order: descriptions first of all, but also titles, enums, examples and long names. */
export function textsOf(value: unknown): Set<string> {
  const texts = new Set<string>();
  const pending: unknown[] = [value];
  while (pending.length > 0) {
    const next = pending.pop();
    if (typeof next === "string") texts.add(next);
    else if (Array.isArray(next)) {
      for (let i = next.length - 1; i >= 0; i--) pending.push(next[i]);
    } else if (typeof next === "object" && next !== null) {
      for (const [key, item] of Object.entries(next).reverse()) {
        if (!(vocabulary.has(key) && typeof item === "string" && item.length < MIN_CHARS)) pending.push(item);
        if (key.length >= MIN_KEY_CHARS) pending.push(key);
      }
    }
  }
  return texts;
}

/**
 * The worst score among the texts that `after` has and `before` had not, and of all of them together: an instruction may be
 * spread over several members. 0 where no text is new.
 */
export function scoreNewTexts(before: unknown, after: unknown, score: InstructionScorer): number {
  const old = before === undefined ? new Set<string>() : textsOf(before);
  const fresh = [...textsOf(after)].filter((text) => !old.has(text));
  const scored = fresh.filter((text) => text.length >= MIN_CHARS);
  if (fresh.length > 1) scored.push(fresh.join("\n"));
  return scored.reduce((worst, text) => Math.max(worst, bounded(score(text))), 0);
}

/** A scorer that fails to say a number has not said that the text is harmless. */
const bounded = (score: number): number => (Number.isFinite(score) ? Math.min(1, Math.max(0, score)) : 1);
