const longest = 120;

/** Digits that a person reads: 412, 18.3, 0.04. */
export function figure(value: number): string {
  const size = Math.abs(value);
  if (size >= 100 || Number.isInteger(value)) return String(Math.round(value));
  return value.toFixed(size >= 10 ? 1 : 2);
}

export function ratio(actual: number, expected: number): string {
  if (expected <= 0) return "new";
  const times = actual / expected;
  return times >= 1000 ? ">1000x" : `${times >= 10 ? Math.round(times) : times.toFixed(1)}x`;
}

const clock = (ms: number): string => new Date(ms).toISOString().slice(11, 16);

/** `10:05-10:15 UTC` */
export function windowText(fromMs: number, toMs: number): string {
  return `${clock(fromMs)}-${clock(toMs)} UTC`;
}

/**
 * `<metric> on <entity>: <now> vs expected <base> (<ratio>, <window>)`. What is too long is cut out of the entity, whose
 * name others chose; the numbers stay.
 */
export function findingTitle(t: { metric: string; entity: string; actual: string; expected: string; ratio: string; fromMs: number; toMs: number }): string {
  const rest = `: ${t.actual} vs ${t.expected} expected (${t.ratio}, ${windowText(t.fromMs, t.toMs)})`;
  const room = longest - rest.length - t.metric.length - " on ".length;
  const entity = t.entity.length <= room ? t.entity : `${t.entity.slice(0, Math.max(0, room - 1))}…`;
  return `${t.metric} on ${entity}${rest}`.slice(0, longest);
}
