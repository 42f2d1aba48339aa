/** A producer's records of one window. */
export interface ProducerRange {
  producer: string;
  firstSeq: number;
  lastSeq: number;
  expected: number;
  actual: number;
}

/** Missing numbers, both ends included, with the stored records on both sides; '' where the gap opens the range. */
export interface Gap {
  fromSeq: number;
  toSeq: number;
  beforeCall: string;
  afterCall: string;
}

/** One missing record is a finding: the register promises that none is. */
export const incomplete = (ranges: readonly ProducerRange[]): ProducerRange[] => ranges.filter((r) => r.actual < r.expected);

export function describeGaps(range: ProducerRange, gaps: readonly Gap[]): string {
  const shown = gaps.slice(0, 10).map((g) => (g.fromSeq === g.toSeq ? `${g.fromSeq}` : `${g.fromSeq}-${g.toSeq}`));
  const more = gaps.length > shown.length ? ` and ${gaps.length === 100 ? "more" : `${gaps.length - shown.length} more`}` : "";
  return (
    `${range.expected - range.actual} of the ${range.expected} records that producer ${range.producer} numbered ` +
    `${range.firstSeq} to ${range.lastSeq} are not stored: ${shown.join(", ")}${more}. ` +
    "Records that are still on their way close the gap; a record that was deleted does not come back."
  );
}
