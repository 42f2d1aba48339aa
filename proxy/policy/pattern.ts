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
  // A template may have nothing that varies.
  if (pieces.length === 1) return value === first;
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

/** A URI template as a glob: an expression in braces may expand to anything. Never fits less than the template names. */
export function templateGlob(template: string): Glob {
  const text = template.length > MAX_TEMPLATE ? `${template.slice(0, MAX_TEMPLATE).replace(/\{[^{}]*$/, "")}{}` : template;
  const pieces = text.split(/\{[^{}]*\}/);
  return { text: pieces.join("*"), pieces };
}

/** Longer templates are cut to this, and what was cut may be anything: comparing two globs takes time with both lengths. */
const MAX_TEMPLATE = 512;

/** Whether there is a value that one of the patterns and the glob both fit. */
export function overlaps(patterns: Patterns, glob: Glob): boolean {
  for (const value of patterns.exact) if (globFits(glob, value)) return true;
  return patterns.globs.some((one) => globsMeet(one.text, glob.text));
}

/** Row by row: `reach[j]` says whether the first i characters of `a` and the first j of `b` fit one and the same text. */
function globsMeet(a: string, b: string): boolean {
  let reach = new Array<boolean>(b.length + 1).fill(false);
  reach[0] = true;
  for (let j = 1; j <= b.length && b[j - 1] === "*"; j++) reach[j] = true;
  for (let i = 1; i <= a.length; i++) {
    const next = new Array<boolean>(b.length + 1).fill(false);
    const star = a[i - 1] === "*";
    next[0] = star && reach[0]!;
    for (let j = 1; j <= b.length; j++) {
      const other = b[j - 1] === "*";
      // A star is over, or takes what stands opposite.
      next[j] = star || other ? reach[j]! || next[j - 1]! : reach[j - 1]! && a[i - 1] === b[j - 1];
    }
    reach = next;
  }
  return reach[b.length]!;
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
