import type { Range } from "../range.ts";

const day = 24 * 3600_000;

/** How far the zone's clock is ahead of UTC at an instant. */
export function offsetMs(atMs: number, timeZone: string): number {
  const parts = new Intl.DateTimeFormat("en-US", { timeZone, hourCycle: "h23", year: "numeric", month: "numeric", day: "numeric", hour: "numeric", minute: "numeric", second: "numeric" }).formatToParts(atMs);
  const get = (type: string) => Number(parts.find((p) => p.type === type)?.value);
  return Date.UTC(get("year"), get("month") - 1, get("day"), get("hour"), get("minute"), get("second")) - Math.floor(atMs / 1000) * 1000;
}

/** The instant at which the zone's day began, `daysBack` days before the one that holds `atMs`; days may have 23 or 25 hours. */
export function startOfDay(atMs: number, timeZone: string, daysBack = 0): number {
  const local = atMs + offsetMs(atMs, timeZone);
  const midnight = Math.floor(local / day) * day - daysBack * day;
  // The offset at midnight may differ from the one now; asking twice settles it.
  const guess = midnight - offsetMs(midnight - offsetMs(atMs, timeZone), timeZone);
  return midnight - offsetMs(guess, timeZone);
}

/** The whole days before today that a report covers. */
export function lastPeriod(nowMs: number, schedule: { timeZone: string; days: number }): Range {
  return { fromMs: startOfDay(nowMs, schedule.timeZone, schedule.days), toMs: startOfDay(nowMs, schedule.timeZone) };
}

/** "2026-03-02 00:00 to 2026-03-09 00:00 (Europe/Berlin, UTC+1)". */
export function describePeriod(range: Range, timeZone: string): string {
  const local = (ms: number) => new Date(ms + offsetMs(ms, timeZone)).toISOString().slice(0, 16).replace("T", " ");
  const offset = (ms: number) => {
    const minutes = Math.round(offsetMs(ms, timeZone) / 60_000);
    const rest = Math.abs(minutes) % 60;
    return `UTC${minutes < 0 ? "-" : "+"}${Math.floor(Math.abs(minutes) / 60)}${rest ? `:${String(rest).padStart(2, "0")}` : ""}`;
  };
  const [a, b] = [offset(range.fromMs), offset(range.toMs)];
  const zone = timeZone === "UTC" ? timeZone : `${timeZone}, ${a === b ? a : `${a} to ${b}`}`;
  return `${local(range.fromMs)} to ${local(range.toMs)} (${zone})`;
}
