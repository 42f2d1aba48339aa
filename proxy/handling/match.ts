/** A stretch of a text that is something by its shape, such as a key or an address. Positions are UTF-16 indices. */
export interface Match {
  readonly start: number;
  readonly end: number;
  /** `aws_access_key`, `email`, ... */
  readonly kind: string;
}

/** In one text that many are reported; a text with more of them is masked by its first ones and counted as having these. */
export const MAX_MATCHES = 2000;

/** In order of place, without overlap: of two that overlap the one that begins first counts, and the longer of two that begin together. */
export function settled(matches: Match[]): Match[] {
  if (matches.length < 2) return matches;
  matches.sort((a, b) => a.start - b.start || b.end - a.end);
  const out: Match[] = [];
  let end = -1;
  for (const match of matches) {
    if (match.start < end) continue;
    out.push(match);
    end = match.end;
  }
  return out;
}

export function redacted(text: string, matches: readonly Match[]): string {
  let out = "";
  let from = 0;
  for (const { start, end, kind } of matches) {
    out += `${text.slice(from, start)}⟦redacted:${kind}⟧`;
    from = end;
  }
  return out + text.slice(from);
}
