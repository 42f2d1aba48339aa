export const metrics = ["call_volume", "denial_rate", "error_rate", "upstream_ms", "upstream_p95_ms"] as const;
export type Metric = (typeof metrics)[number];

export const entityKinds = ["all", "server", "tool", "agent", "task_class", "agent_server", "agent_tool", "task_class_tool"] as const;
export type EntityKind = (typeof entityKinds)[number];
/** Pairs are many, so they are learnt once a day. */
export const pairKinds: readonly EntityKind[] = ["agent_server", "agent_tool", "task_class_tool"];

/** What an hour (numbered since 1970) says of a metric, and how many calls say it; of a volume, one hour does. */
export interface Observation {
  readonly hour: number;
  readonly value: number;
  readonly weight: number;
}

/** One entity's hours in order of time, as hours.sql returns them, and those of known incidents. */
export interface EntityHours {
  readonly kind: EntityKind;
  readonly entity: string;
  readonly parentKind: EntityKind | "";
  readonly parent: string;
  /** [hours since the range began, calls, denied, forwarded, failed] */
  readonly hours: readonly (readonly [number, number, number, number, number])[];
  /** [hours since the range began, p50 and p95 in ms, calls] */
  readonly latencies: readonly (readonly [number, number, number, number])[];
  /** Hours since 1970, with their incident. */
  readonly leftOut: ReadonlyMap<number, string>;
}

export interface HourRange {
  /** Hours since 1970, half-open. */
  readonly from: number;
  readonly to: number;
}

/** The hours of one metric since the entity's first, without those of incidents. Empty where it has none. */
export function observationsOf(row: EntityHours, metric: Metric, range: HourRange): Observation[] {
  const observed = all(row, metric, range);
  return row.leftOut.size === 0 ? observed : observed.filter(({ hour }) => !row.leftOut.has(hour));
}

function all(row: EntityHours, metric: Metric, range: HourRange): Observation[] {
  const at = (offset: number): number => range.from + offset;
  switch (metric) {
    case "call_volume":
      return volumes(row, range);
    case "denial_rate":
      return row.hours.map(([offset, calls, denied]) => ({ hour: at(offset), value: denied / calls, weight: calls }));
    case "error_rate":
      return row.hours.filter(([, , , forwarded]) => forwarded > 0).map(([offset, , , forwarded, failed]) => ({ hour: at(offset), value: failed / forwarded, weight: forwarded }));
    case "upstream_ms":
      return row.latencies.map(([offset, p50, , calls]) => ({ hour: at(offset), value: p50, weight: calls }));
    case "upstream_p95_ms":
      return row.latencies.map(([offset, , p95, calls]) => ({ hour: at(offset), value: p95, weight: calls }));
  }
}

/** An hour without calls is a volume of 0, and says nothing of anything else. */
function volumes(row: EntityHours, range: HourRange): Observation[] {
  if (row.hours.length === 0) return [];
  const calls = new Map(row.hours.map(([offset, n]) => [offset, n]));
  const first = row.hours[0]![0];
  return Array.from({ length: range.to - range.from - first }, (_, i) => ({ hour: range.from + first + i, value: calls.get(first + i) ?? 0, weight: 1 }));
}

/** A scale on which strays of this metric are comparable: counts of a steady rate stray by 1 on theirs, whatever the rate. */
export const toScale = (metric: Metric, value: number): number => (metric === "call_volume" ? 2 * Math.sqrt(value + 3 / 8) : value);
export const fromScale = (metric: Metric, y: number): number => Math.max(0, metric === "call_volume" ? (Math.max(0, y) / 2) ** 2 - 3 / 8 : y);
