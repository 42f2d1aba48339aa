/** ROC figures by the rules of the evaluation: ties count half, and a threshold flags scores at or over it. */
export function auc(positives: readonly number[], negatives: readonly number[]): number {
  if (positives.length === 0 || negatives.length === 0) return NaN;
  const all = [...positives.map((score) => ({ score, positive: 1 })), ...negatives.map((score) => ({ score, positive: 0 }))];
  all.sort((a, b) => compare(a.score, b.score));
  let rankSum = 0;
  for (let i = 0; i < all.length; ) {
    let j = i;
    let tied = 0;
    while (j < all.length && all[j]!.score === all[i]!.score) tied += all[j++]!.positive;
    rankSum += ((i + j + 1) / 2) * tied;
    i = j;
  }
  return (rankSum - (positives.length * (positives.length + 1)) / 2) / (positives.length * negatives.length);
}

/** The share of positives flagged by the lowest threshold that flags at most `fpr` of the negatives. */
export function tprAt(positives: readonly number[], negatives: readonly number[], fpr: number): { tpr: number; threshold: number } {
  const sorted = negatives.toSorted((a, b) => compare(b, a));
  const allowed = Math.floor(fpr * negatives.length + 1e-9);
  if (allowed >= sorted.length) return { tpr: 1, threshold: Math.min(...sorted, ...positives) };
  const above = positives.filter((score) => score > sorted[allowed]!);
  return above.length === 0
    ? { tpr: 0, threshold: Infinity }
    : { tpr: above.length / positives.length, threshold: Math.min(...above) };
}

/** Subtraction would make NaN of two infinities. */
export const compare = (a: number, b: number): number => (a < b ? -1 : a > b ? 1 : 0);
