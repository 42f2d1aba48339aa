/** A producer's records of one window. */
export interface ProducerRange {
  producer: string;
  firstSeq: number;
  lastSeq: number;
  expected: number;
  actual: number;
  /** Rows beyond the first of a number. */
  duplicates: number;
}

/** What came into the store in one window, whenever its calls were. */
export interface Arrivals {
  producer: string;
  arrived: number;
  late: number;
  p50Ms: number;
  p99Ms: number;
  maxMs: number;
  worstCall: string;
}

/** Calls that went on while nothing could be recorded, as their producer counted them. */
export interface Unrecorded {
  producer: string;
  calls: number;
  atLeast: boolean;
  fromMs: number;
  toMs: number;
  /** `agent at server`, at most 20. */
  who: string[];
  callId: string;
}

/** Missing numbers, both ends included, with the stored records on both sides; '' where the gap opens the range. */
export interface Gap {
  fromSeq: number;
  toSeq: number;
  beforeCall: string;
  afterCall: string;
}

/** A producer's figures of one window, as the history keeps them. */
export interface Completeness extends ProducerRange, Omit<Arrivals, "worstCall"> {
  missing: number;
}

/** One missing record is a finding: the register promises that none is. */
export const incomplete = (ranges: readonly ProducerRange[]): ProducerRange[] => ranges.filter((r) => r.actual < r.expected);

/** So is one that is counted twice, in everything that is derived from it. */
export const doubled = (ranges: readonly ProducerRange[]): ProducerRange[] => ranges.filter((r) => r.duplicates > 0);

export const late = (arrivals: readonly Arrivals[]): Arrivals[] => arrivals.filter((a) => a.late > 0);

/** Every producer that finished records in the window or whose records came in then. */
export function completeness(ranges: readonly ProducerRange[], arrivals: readonly Arrivals[]): Completeness[] {
  const producers = [...new Set([...ranges, ...arrivals].map((one) => one.producer))].sort();
  return producers.map((producer) => {
    const range = ranges.find((r) => r.producer === producer) ?? { producer, firstSeq: 0, lastSeq: 0, expected: 0, actual: 0, duplicates: 0 };
    const { arrived, late, p50Ms, p99Ms, maxMs } = arrivals.find((a) => a.producer === producer) ?? { arrived: 0, late: 0, p50Ms: 0, p99Ms: 0, maxMs: 0 };
    return { ...range, arrived, late, p50Ms, p99Ms, maxMs, missing: range.expected - range.actual };
  });
}

export function describeGaps(range: ProducerRange, gaps: readonly Gap[]): string {
  const shown = gaps.slice(0, 10).map((g) => (g.fromSeq === g.toSeq ? `${g.fromSeq}` : `${g.fromSeq}-${g.toSeq}`));
  const more = gaps.length > shown.length ? ` and ${gaps.length === 100 ? "more" : `${gaps.length - shown.length} more`}` : "";
  return (
    `${range.expected - range.actual} of the ${range.expected} records that producer ${range.producer} numbered ` +
    `${range.firstSeq} to ${range.lastSeq} are not stored: ${shown.join(", ")}${more}. ` +
    "Records that are still on their way close the gap; a record that was deleted does not come back."
  );
}

export function describeDoubled(range: ProducerRange, numbers: number): string {
  return (
    `${range.duplicates} rows of producer ${range.producer} repeat a record: ${numbers} of its numbers ${range.firstSeq} to ${range.lastSeq} are stored more than once. ` +
    "Counts and rates of this window are too high by them; the store's deduplication did not recognise a batch that was sent again."
  );
}

export function describeLate({ producer, arrived, late, maxMs, worstCall }: Arrivals, lateAfterMs: number): string {
  return (
    `${late} of the ${arrived} records of producer ${producer} that came in were stored more than ${seconds(lateAfterMs)} s after their calls ended, ` +
    `${worstCall} ${seconds(maxMs)} s after. What looked at those times before has not seen them.`
  );
}

export function describeUnrecorded({ producer, calls, atLeast, fromMs, toMs, who }: Unrecorded): string {
  const iso = (ms: number): string => new Date(ms).toISOString();
  return (
    `Producer ${producer} let ${atLeast ? "at least " : ""}${calls} calls through from ${iso(fromMs)} to ${iso(toMs)} while it could record none: ${who.join(", ").slice(0, 1000)}. ` +
    "The risk tier's setting allows that; of these calls the register has the number and nothing else."
  );
}

const seconds = (ms: number): number => Math.round(ms / 1000);
