/** A seeded generator, so that the same seed writes the same sentences. */
export function seeded(seed: number): () => number {
  let a = seed | 0;
  return () => {
    a = (a + 0x6d2b79f5) | 0;
    let t = Math.imul(a ^ (a >>> 15), 1 | a);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}

/** Rules by name: alternatives separated by `|`; `<name>` stands for another rule. */
export type Grammar = Readonly<Record<string, string>>;

/** One sentence from the rule `name`. */
export function expand(grammar: Grammar, name: string, random: () => number): string {
  const rule = grammar[name];
  if (rule === undefined) throw new Error(`no rule <${name}>`);
  const alternatives = rule.split("|");
  const chosen = alternatives[Math.floor(random() * alternatives.length)]!;
  return chosen.replaceAll(/<([a-z0-9_]+)>/g, (_, inner: string) => expand(grammar, inner, random));
}
