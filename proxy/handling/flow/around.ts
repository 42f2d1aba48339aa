import type { ScoredSpan } from "./values.ts";

/** Text this far from a value still counts as around it. */
export const AROUND = 400;
/** An instruction names its object in it or soon after it: "Pay this invoice. The account is ...". */
const AFTER_FULL = 120;
/** What stands before an instruction was there without it, as a rule: the rest of the record that it was planted in. */
const BEFORE = 0.5;
const FARTHEST = 0.3;

/**
 * How instruction-shaped the text around a place is: the highest of the spans there, each of them counting less with its
 * distance. Gives 0 where none is near. Linear over all places when they are asked for in ascending order.
 */
export function scoreAround(spans: readonly ScoredSpan[]): (start: number, end: number) => number {
  if (spans.length === 0) return () => 0;
  // How far the spans up to each one reach, so that a long early span is not left behind by a short later one.
  const reach = new Float64Array(spans.length);
  for (let i = 0; i < spans.length; i++) reach[i] = Math.max(i === 0 ? 0 : reach[i - 1]!, spans[i]!.end);
  let first = 0;
  let before = 0;
  return (start, end) => {
    if (start < before) first = 0;
    before = start;
    while (first < spans.length && reach[first]! + AROUND < start) first++;
    let score = 0;
    for (let i = first; i < spans.length && spans[i]!.start - AROUND <= end; i++) {
      const span = spans[i]!;
      if (span.score > score) score = Math.max(score, span.score * weight(span, start, end));
    }
    return score;
  };
}

function weight(span: ScoredSpan, start: number, end: number): number {
  if (start <= span.end && end >= span.start) return 1;
  const after = start - span.end;
  if (after > 0) return after <= AFTER_FULL ? 1 : after > AROUND ? 0 : fade(1, (after - AFTER_FULL) / (AROUND - AFTER_FULL));
  const ahead = span.start - end;
  return ahead > AROUND ? 0 : fade(BEFORE, ahead / AROUND);
}

const fade = (from: number, share: number): number => from + (FARTHEST - from) * share;
