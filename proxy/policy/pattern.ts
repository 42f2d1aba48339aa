/**
 * Exact values and globs. A glob is matched piece by piece and not by a regular expression: names and URIs come from
 * callers, and this takes time that grows with their length alone.
 */
export interface Patterns {
  readonly exact: ReadonlySet<string>;
  readonly globs: readonly Glob[];
}

export interface Glob {
  readonly text: string;
  /** What stands between the stars, in order. The first is anchored at the start and the last at the end. */
  readonly pieces: readonly string[];
}

/** Null stands for "fits everything". */
export function compilePatterns(values: readonly string[]): Patterns | null {
  if (values.length === 0 || values.includes("*")) return null;
  const globs = values.filter((v) => v.includes("*")).map((text) => ({ text, pieces: text.split("*") }));
  return { exact: new Set(values.filter((v) => !v.includes("*"))), globs };
}

export function fits(patterns: Patterns, value: string): boolean {
  if (patterns.exact.has(value)) return true;
  for (const glob of patterns.globs) if (globFits(glob, value)) return true;
  return false;
}

export function globFits({ pieces }: Glob, value: string): boolean {
  const first = pieces[0]!;
  const last = pieces[pieces.length - 1]!;
  if (value.length < first.length + last.length || !value.startsWith(first) || !value.endsWith(last)) return false;
  const end = value.length - last.length;
  let from = first.length;
  for (let i = 1; i < pieces.length - 1; i++) {
    const piece = pieces[i]!;
    const at = value.indexOf(piece, from);
    if (at < 0 || at + piece.length > end) return false;
    from = at + piece.length;
  }
  return true;
}

/**
 * Whether everything that `inner` fits, `outer` fits too. A glob inside is taken as plain text: its stars can only have
 * been swallowed by stars of the outer one, so the answer is never wrongly yes.
 */
export function covers(outer: Patterns | null, inner: Patterns | null): boolean {
  if (!outer) return true;
  if (!inner) return false;
  for (const value of inner.exact) if (!fits(outer, value)) return false;
  return inner.globs.every((glob) => fits(outer, glob.text));
}
